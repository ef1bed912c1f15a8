"""The cameras of a machine, as its /dev, /sys and /proc tell of them."""

import json
from pathlib import Path

import pytest

from drivers.camera.discover import FoundCamera, discover_cameras
from gateway.cli.discover_camera import tell_cameras
from gateway.cli.leaf import Exit
from gateway.cli.show import Show
from support.camera_tree import CameraTree


def by_node(tree: CameraTree) -> dict[str, FoundCamera]:
    return {Path(one.node).name: one for one in discover_cameras(tree.machine)}


def test_each_camera_has_a_name_that_stays(tmp_path: Path) -> None:
    """By serial number where it has one of its own, else by socket; the nodes of its metadata are no cameras."""
    tree = CameraTree(tmp_path)
    tree.built_in(0, "unicam")
    tree.usb(1, "1.1", "HD Webcam C270", "046d:0825", "8A2B4C60")
    tree.usb(10, "1.2", "USB Camera", "0c45:6366", "SN0001")
    tree.usb(12, "1.3", "USB Camera", "0c45:6366", "SN0001")
    tree.usb(14, "1.4", "Microscope", "a16f:0304")
    cameras = by_node(tree)
    assert {node: (one.why, one.card) for node, one in cameras.items()} == {
        "video0": ("built_in", "unicam"),
        "video1": ("serial_number", "HD Webcam C270"),
        "video10": ("serial_number_twice", "USB Camera"),
        "video12": ("serial_number_twice", "USB Camera"),
        "video14": ("no_serial_number", "Microscope"),
    }
    assert cameras["video1"].name == str(tree.v4l / "by-id/usb-Maker_HD_Webcam_C270_8A2B4C60-video-index0")
    assert cameras["video12"].name == str(tree.v4l / "by-path/platform-usb-usb-0:1.3:1.0-video-index0")
    assert all(Path(one.name).resolve() == Path(one.node) for one in cameras.values())


def test_without_udev_there_is_only_the_kernels_name(tmp_path: Path) -> None:
    tree = CameraTree(tmp_path)
    tree.usb(0, "1.1", "Webcam", "046d:0825", "A1")
    for link in tree.v4l.glob("by-*/*"):
        link.unlink()
    one = by_node(tree)["video0"]
    assert (one.name, one.why) == (one.node, "no_stable_name")


def test_what_hinders(tmp_path: Path) -> None:
    """Another program, and the rights; the gateway itself is no hindrance."""
    tree = CameraTree(tmp_path, may_open=lambda node: node.name != "video2")
    tree.usb(0, "1.1", "Webcam", "046d:0825", "A1")
    tree.usb(2, "1.2", "Webcam", "046d:0825", "A2")
    tree.usb(4, "1.3", "Webcam", "046d:0825", "A3")
    tree.process(4711, "cheese", "video0")
    tree.process(4712, "doorpost", "video4")
    cameras = by_node(tree)
    assert [problem.code for problem in cameras["video0"].problems] == ["camera_held"]
    assert not cameras["video2"].permitted and len(cameras["video2"].problems) == 1
    assert [str(one) for one in cameras["video4"].holders] == ["doorpost (4712)"] and not cameras["video4"].problems


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_is_told_to_people_and_to_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    tree = CameraTree(tmp_path)
    assert tell_cameras(Show(lang, as_json=False), discover_cameras(tree.machine)) is Exit.OK
    assert capsys.readouterr().out.strip()
    tree.usb(0, "1.1", "Webcam", "046d:0825", "A1")
    tree.process(4711, "cheese", "video0")
    found = discover_cameras(tree.machine)
    assert tell_cameras(Show(lang, as_json=False), found) is Exit.PROBLEM
    said = capsys.readouterr().out
    assert "cheese (4711)" in said and found[0].name in said
    assert tell_cameras(Show(lang, as_json=True), found) is Exit.PROBLEM
    (one,) = json.loads(capsys.readouterr().out)["cameras"]
    assert (one["card"], one["adapter"]["id"], one["why"]) == ("Webcam", "046d:0825", "serial_number")
    assert [problem["code"] for problem in one["problems"]] == ["camera_held"]
