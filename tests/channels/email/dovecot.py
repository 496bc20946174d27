"""A Dovecot of the test's own, where one is installed: on loopback, without root's rights, gone when it stops."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.channels.email.servers import PASSWORD, USER, MailServer

PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
_EVERY = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
protocols = imap
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 0
mail_fsync = never
mailbox_idle_check_interval = 1s
auth_failure_delay = 0
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
namespace inbox {{
  inbox = yes
}}
"""
_UP_TO_2_3 = """
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
"""
_SINCE_2_4 = """
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
mailbox_list_layout = maildir++
passdb passwd-file {{
  passwd_file_path = {folder}/passwd
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/home
  }}
}}
"""
_VERSION_2_4 = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"


class Dovecot(MailServer):
    """Keeps USER's mail as a Maildir in a folder that :meth:`remove` removes. Dovecot touches no mail as root, so
    started by root it is nobody's."""

    def __init__(self) -> None:
        # Not the test's own folder: its name is too long for a socket's, and others may not enter it.
        super().__init__(Path(tempfile.mkdtemp(prefix="dovecot-")))
        root = os.getuid() == 0
        self._account = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.getuid())
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("run", "mail", "home"):
            (self.folder / name).mkdir()
        (self.folder / "passwd").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
        (self.folder / "conf").write_text(self._config())
        for path in (self.folder, *self.folder.iterdir()) if root else ():
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _config(self) -> str:
        assert PROGRAM is not None
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
        old = tuple(int(number) for number in said.split(".")[:2]) < (2, 4)
        text = _EVERY + _UP_TO_2_3 if old else _VERSION_2_4 + _EVERY + _SINCE_2_4
        return text.format(
            folder=self.folder,
            port=self.port,
            user=self._account.pw_name,
            group=grp.getgrgid(self._account.pw_gid).gr_name,
            uid=self._account.pw_uid,
            gid=self._account.pw_gid,
        )

    def start(self) -> None:
        assert PROGRAM is not None
        root = os.getuid() == 0
        with (self.folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [PROGRAM, "-F", "-c", str(self.folder / "conf")],
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd=self.folder,
                user=self._account.pw_uid if root else None,
                group=self._account.pw_gid if root else None,
                extra_groups=() if root else None,
            )
        try:
            self.await_greeting(self._process)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._said()}") from None

    def stop(self) -> None:
        """It ends its processes with itself."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def forget_uids(self) -> None:
        """Without its list and its index it gives the folder another UIDVALIDITY, and every message another UID."""
        for pattern in ("dovecot-uidlist", "dovecot.index*"):
            for known in (self.folder / "mail" / USER).rglob(pattern):
                known.unlink()

    def _said(self) -> str:
        names = (self.folder / name for name in ("said", "log"))
        return "\n".join(path.read_text(errors="replace") for path in names if path.exists())[-2000:]
