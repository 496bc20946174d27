"""Finds a Chromium for the browser tests, or fetches one from npm, where no browser is installed.

Looked for in this order: ``$HUB_CHROMIUM``, a Chromium or Chrome on this machine, the one in
``.cache/chromium``. The fetched one is the npm package ``@sparticuz/chromium`` (MIT): a complete headless
Chromium with the libraries it needs, made for machines that have none. Its own ``fonts.conf`` points at
folders of another machine and leaves pages without text, so it gets one that names its own fonts and this
machine's.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FETCHED = ROOT / ".cache" / "chromium"

PACKAGE = "@sparticuz/chromium@153.0.0"
INTEGRITY = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="

INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

UNPACK = """
const fs = require('fs'), zlib = require('zlib'), [from, to] = process.argv.slice(1)
for (const name of fs.readdirSync(from)) {
  const packed = fs.readFileSync(`${from}/${name}`)
  fs.writeFileSync(`${to}/${name.replace('.br', '')}`, zlib.brotliDecompressSync(packed))
}
"""

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <dir prefix="xdg">fonts</dir>
  <cachedir>{folder}/fonts-cache</cachedir>
</fontconfig>
"""


def find() -> Path | None:
    """The executable to use, or None where one must be fetched first. Raises where ``$HUB_CHROMIUM`` is
    wrong."""
    if named := os.environ.get("HUB_CHROMIUM"):
        if not os.access(named, os.X_OK):
            raise FileNotFoundError(f"HUB_CHROMIUM names {named}, which is not a program that can be run.")
        return Path(named)
    installed = next(filter(None, map(shutil.which, INSTALLED)), None)
    if installed:
        return Path(installed)
    return FETCHED / "chromium" if (FETCHED / "chromium").exists() else None


def arguments(executable: Path) -> list[str]:
    """What to start it with, beside what a driver gives by itself."""
    # Containers often give the sandbox no user namespaces and /dev/shm 64 MB: the pages under test are our
    # own.
    always = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"]
    return [*always, "--headless=shell", "--no-zygote"] if executable.parent == FETCHED else always


def environment(executable: Path) -> dict[str, str]:
    """The environment to start it in."""
    if executable.parent != FETCHED:
        return dict(os.environ)
    libraries = [str(FETCHED / "lib"), str(FETCHED), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        "FONTCONFIG_FILE": str(FETCHED / "fonts.conf"),
    }


def fetch(node: str, npm: list[str], env: Mapping[str, str]) -> Path:
    """Downloads, checks and unpacks it. The folder appears whole or not at all."""
    FETCHED.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FETCHED.parent) as scratch:
        package, unpacked = Path(scratch, "package.tgz"), Path(scratch, "chromium")
        unpacked.mkdir()
        done = subprocess.run(
            [*npm, "pack", PACKAGE, "--silent"],
            cwd=scratch,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        Path(scratch, done.stdout.split()[-1]).rename(package)
        if base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() != INTEGRITY:
            raise RuntimeError(f"{PACKAGE} is not the package that it should be: its digest differs.")
        extract(package, Path(scratch))
        subprocess.run([node, "-e", UNPACK, str(Path(scratch, "package", "bin")), str(unpacked)], check=True)
        for archive in unpacked.glob("*.tar"):
            extract(archive, unpacked)
            archive.unlink()
        (unpacked / "chromium").chmod(0o755)
        (unpacked / "fonts.conf").write_text(FONTS.format(folder=FETCHED))
        shutil.rmtree(FETCHED, ignore_errors=True)
        unpacked.rename(FETCHED)
    return FETCHED / "chromium"


def extract(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as files:
        if hasattr(tarfile, "data_filter"):
            files.extractall(folder, filter="data")
        else:  # Python 3.11.0 to 3.11.3
            files.extractall(folder)
