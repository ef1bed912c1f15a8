"""The parts of /dev, /sys and /proc that say what cameras a machine has, built as udev and the kernel build them."""

from collections.abc import Callable
from pathlib import Path

from drivers.common.ports import Machine


class CameraTree:
    """`machine` looks into it. Nodes are plain files: nobody opens them."""

    def __init__(self, root: Path, may_open: Callable[[Path], bool] = lambda _: True) -> None:
        self.machine = Machine(root / "dev", root / "sys", root / "proc", may_open)
        self._root = root
        for folder in ("dev/v4l/by-id", "dev/v4l/by-path", "sys/class/video4linux", "proc"):
            (root / folder).mkdir(parents=True)

    @property
    def v4l(self) -> Path:
        return self.machine.dev / "v4l"

    def usb(self, number: int, socket: str, card: str, id_: str, serial: str | None = None) -> None:
        """A UVC camera: a node for pictures and the next one for what belongs to them."""
        device = self._root / "sys/devices/platform/usb/usb1" / f"1-{socket}"
        device.mkdir(parents=True)
        vendor, _, model = id_.partition(":")
        told = {"idVendor": vendor, "idProduct": model, "product": card, "manufacturer": "Maker", "serial": serial}
        for name, text in told.items():
            if text is not None:
                (device / name).write_text(f"{text}\n")
        for index in (0, 1):
            self._node(number + index, index, card, device / f"{device.name}:1.0")
            place = f"usb-Maker_{card.replace(' ', '_')}{f'_{serial}' if serial else ''}-video-index{index}"
            self._link("by-id", place, number + index)
            self._link("by-path", f"platform-usb-usb-0:{socket}:1.0-video-index{index}", number + index)

    def built_in(self, number: int, card: str) -> None:
        """A camera of the board."""
        self._node(number, 0, card, self._root / "sys/devices/platform/soc/csi")
        self._link("by-path", "platform-soc:csi-video-index0", number)

    def process(self, pid: int, name: str, *opened: str) -> None:
        (self.machine.proc / str(pid) / "fd").mkdir(parents=True)
        (self.machine.proc / str(pid) / "comm").write_text(f"{name}\n")
        for fd, node in enumerate(opened):
            (self.machine.proc / str(pid) / "fd" / str(fd)).symlink_to(self.machine.dev / node)

    def _node(self, number: int, index: int, card: str, interface: Path) -> None:
        name = f"video{number}"
        video = interface / "video4linux" / name
        video.mkdir(parents=True)
        (video / "index").write_text(f"{index}\n")
        (video / "name").write_text(f"{card}\n")
        (video / "device").symlink_to("../..")
        (self._root / "sys/class/video4linux" / name).symlink_to(video)
        (self.machine.dev / name).touch(0o660)

    def _link(self, kind: str, link: str, number: int) -> None:
        """The last one plugged in has it."""
        place = self.v4l / kind / link
        place.unlink(missing_ok=True)
        place.symlink_to(f"../../video{number}")
