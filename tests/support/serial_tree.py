"""The parts of /dev, /sys and /proc that say what serial ports a machine has, built as udev and the kernel build them."""

from collections.abc import Callable
from pathlib import Path

from drivers.common.ports import Machine


class SerialTree:
    """`machine` looks into it. Nodes are plain files: nobody opens them."""

    def __init__(self, root: Path, may_open: Callable[[Path], bool] = lambda _: True) -> None:
        self.machine = Machine(root / "dev", root / "sys", root / "proc", may_open)
        self._root = root
        for folder in ("dev/serial/by-id", "dev/serial/by-path", "sys/class/tty", "sys/bus/usb/devices", "proc"):
            (root / folder).mkdir(parents=True)

    @property
    def dev(self) -> Path:
        return self.machine.dev

    def built_in(self, name: str, kind: int = 1) -> None:
        """A UART of the board; the kernel has places of `kind` 0 where none is soldered."""
        port = self._root / "sys/devices/platform" / f"{name}.serial"
        (port / "tty" / name).mkdir(parents=True)
        (port / "tty" / name / "type").write_text(f"{kind}\n")
        (port / "tty" / name / "device").symlink_to("../..")
        (self._root / "sys/class/tty" / name).symlink_to(f"../../devices/platform/{name}.serial/tty/{name}")
        (self.dev / name).touch(0o660)

    def usb(self, socket: str, id_: str, product: str, serial: str | None = None) -> Path:
        """A USB device in this socket (`1.2`), as yet without a port; its folder under /sys."""
        device = self._root / "sys/devices/platform/usb/usb1" / f"1-{socket}"
        device.mkdir(parents=True)
        vendor, _, model = id_.partition(":")
        told = {"idVendor": vendor, "idProduct": model, "product": product, "manufacturer": "Maker", "serial": serial}
        for name, text in told.items():
            if text is not None:
                (device / name).write_text(f"{text}\n")
        (self._root / "sys/bus/usb/devices" / device.name).symlink_to(
            f"../../../devices/platform/usb/usb1/{device.name}"
        )
        return device

    def adapter(self, name: str, socket: str, id_: str, product: str, serial: str | None = None) -> Path:
        """A USB device with a port and the links that udev makes; the port's folder under /sys."""
        device = self.usb(socket, id_, product, serial)
        interface = device / f"{device.name}:1.0"
        acm = name.startswith("ttyACM")
        port = interface if acm else interface / name
        (port / "tty" / name).mkdir(parents=True)
        (port / "tty" / name / "device").symlink_to("../..")
        inside = (port / "tty" / name).relative_to(self._root / "sys")
        (self._root / "sys/class/tty" / name).symlink_to(Path("../..") / inside)
        (self.dev / name).touch(0o660)
        tail = "" if acm else "-port0"
        self._link("by-id", f"usb-Maker_{product}{f'_{serial}' if serial else ''}-if00{tail}", name)
        self._link("by-path", f"platform-usb-usb-0:{socket}:1.0{tail}", name)
        self._link("by-path", f"platform-usb-usbv2-0:{socket}:1.0{tail}", name)
        return port

    def _link(self, kind: str, link: str, name: str) -> None:
        """The last one plugged in has it."""
        place = self.dev / "serial" / kind / link
        place.unlink(missing_ok=True)
        place.symlink_to(f"../../{name}")

    def process(self, pid: int, name: str, *opened: str) -> None:
        (self.machine.proc / str(pid) / "fd").mkdir(parents=True)
        (self.machine.proc / str(pid) / "comm").write_text(f"{name}\n")
        for fd, node in enumerate(opened):
            (self.machine.proc / str(pid) / "fd" / str(fd)).symlink_to(self.dev / node)

    def consoles(self, *names: str) -> None:
        (self.machine.proc / "consoles").write_text("".join(f"{name:20} -W- (EC   a) 204:64\n" for name in names))


def pi_with_four_adapters(root: Path) -> SerialTree:
    """A Pi: FTDI with a serial number, two CH340 that are the same, a scanner; its own UART and a place without one."""
    tree = SerialTree(root)
    tree.built_in("ttyAMA0")
    tree.built_in("ttyS0", kind=0)
    (tree.dev / "serial0").symlink_to("ttyAMA0")
    ftdi = tree.adapter("ttyUSB0", "1.1", "0403:6001", "FT232R_USB_UART", "A50285BI")
    (ftdi / "latency_timer").write_text("16\n")
    tree.adapter("ttyUSB1", "1.2", "1a86:7523", "USB_Serial")
    tree.adapter("ttyUSB2", "1.3", "1a86:7523", "USB_Serial")
    tree.adapter("ttyACM0", "1.4", "0c2e:0901", "Barcode_Scanner", "SN-77")
    tree.process(1, "systemd")
    tree.process(4711, "minicom", "ttyUSB2")
    return tree
