"""What a person gets wrong at the centre's command line is told in a sentence of the language asked for, with a hint."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from central.cli import tree
from central.store import Store
from gateway.demo.certs import Authority
from sync.contract.signing import private_key


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty centre, with certificates beside it."""
    path = tmp_path_factory.mktemp("centre")
    Store(path).close()
    private_key(path / "central.key")
    authority = Authority(path)
    for name in ("one", "two"):
        authority.client(name)
    (path / "words.pem").write_text("no certificate")
    return path


def run(data: Path, lang: str, *args: str) -> Result:
    given = [str(data / one) if one.endswith((".pem", ".key")) else one for one in args]
    return CliRunner().invoke(tree(lang), [*given, *(() if "verify" in args else ("--data", str(data)))])


@pytest.mark.parametrize(
    ("given", "en", "zh"),
    [
        (("--cert", "one.pem"), "only one was given", "只给出了一个"),
        (("--key", "one.key"), "only one was given", "只给出了一个"),
        (("--cert", "words.pem", "--key", "one.key"), "not a certificate and its key", "不是配对的"),
        (("--cert", "one.pem", "--key", "two.key"), "not a certificate and its key", "不是配对的"),
        (("--cert", "gone.key", "--key", "one.key"), "No such file", "gone.key"),
        (("--listen", "foo"), "not HOST:PORT", "不是 主机:端口"),
        (("--listen", "127.0.0.1:99999"), "at most 65535", "65535"),
        (("--listen", "127.0.0.1:-1"), "not HOST:PORT", "不是 主机:端口"),
        (("--listen", "a..b:80"), "nobody knows this host", "无法解析"),
    ],
)
def test_the_desks_place_and_certificates(data: Path, given: tuple[str, ...], en: str, zh: str) -> None:
    for lang, said in (("en", en), ("zh", zh)):
        found = run(data, lang, "desk", "--listen", "127.0.0.1:0", *given)
        assert (found.exit_code, said in found.stderr, "\n→ " in found.stderr) == (78, True, True), found.stderr
        assert not any(raw in found.stderr for raw in ("literal", "SSL", "None", "Errno"))


@pytest.mark.parametrize(
    ("key", "en", "zh"),
    [(None, "No such file", "No such file"), ("x", "holds no public key", "没有 PEM 公钥")],
)
def test_a_centre_without_its_own_key(tmp_path: Path, key: str | None, en: str, zh: str) -> None:
    Store(tmp_path).close()
    (tmp_path / "words.pem").write_text("no witness")
    if key is not None:
        (tmp_path / "central.pub").write_text(key)
    for lang, said in (("en", en), ("zh", zh)):
        found = run(tmp_path, lang, "report", "--witness", "words.pem")
        assert (found.exit_code, said in found.stderr, "Errno" in found.stderr) == (78, True, False), found.stderr


def test_settings_that_are_not_there(data: Path) -> None:
    found = run(data, "en", "run", "--config", "gone.pem")
    assert (found.exit_code, "are wrong: No such file" in found.stderr, "[rescue]" in found.stderr) == (78, True, True)


@pytest.mark.parametrize(
    ("given", "en", "zh"),
    [
        (("report", "verify", "gone.pem", "--key", "one.key"), "cannot be read (No such file", "无法读取"),
        (("report", "verify", "number.pem", "--key", "one.key"), "is not a report of a centre", "不是中心生成的报告"),
        (("report", "--witness", "gone.pem"), "cannot be read (No such file", "无法读取"),
        (("report", "--witness", "number.pem"), "not a witness file\n→ ", "不是见证文件\n→ "),
    ],
)
def test_files_that_are_none(data: Path, given: tuple[str, ...], en: str, zh: str) -> None:
    """Nothing of the languages that the program is written in."""
    (data / "number.pem").write_text('{"report": 5, "witness": 5}')
    for lang, said in (("en", en), ("zh", zh)):
        found = run(data, lang, *given)
        assert (found.exit_code, said in found.stderr, "\n→ " in found.stderr) == (1, True, True), found.stderr
        assert not any(raw in found.stderr for raw in ("Errno", "Expected", "`str`"))
