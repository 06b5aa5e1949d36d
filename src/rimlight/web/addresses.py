"""Where a server listens and by which names it is called; what must not be reachable is refused."""

import errno
import ipaddress
import re
import socket
from dataclasses import dataclass

from rimlight.errors import RimlightError

LOOPBACK = "127.0.0.1"
_N_PORTS = 20
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is reached.

    host: the address it listens on. port: taken if it is free, else the next free one; 0: any.
    names: further names by which browsers call it. tls_name: the name of a proxy before it that
    speaks https; then it is called by no other. has_accounts: whether everybody signs in.
    """

    host: str = LOOPBACK
    port: int = 0
    names: tuple[str, ...] = ()
    tls_name: str | None = None
    has_accounts: bool = False

    def __post_init__(self) -> None:
        """Refuse what would let strangers in."""
        try:
            is_loopback = ipaddress.ip_address(self.host).is_loopback
        except ValueError as error:
            raise RimlightError(
                f"host {self.host}: is no address; give a number such as 127.0.0.1 or 0.0.0.0"
            ) from error
        for name in (*self.names, *([self.tls_name] if self.tls_name else [])):
            if not _NAME.fullmatch(name):
                raise RimlightError(
                    f"name {name}: is no name of a server; leave out https:// and /"
                )
        if not self.has_accounts and not is_loopback:
            raise RimlightError(
                f"host {self.host}: others could reach it, and nobody would have to sign in; add "
                "--accounts, or leave out --host"
            )
        if not self.has_accounts and (self.tls_name or self.names):
            raise RimlightError(
                "a server that others reach by a name needs --accounts; add it, or leave the name "
                "out"
            )

    @property
    def is_open_text(self) -> bool:
        """Whether passwords could be read on the network."""
        return not ipaddress.ip_address(self.host).is_loopback and self.tls_name is None

    def host_names(self, port: int) -> frozenset[str]:
        """Return the values of the Host header that are this server's."""
        if self.tls_name is not None:
            name = self.tls_name.lower()
            return frozenset((name,) if ":" in name else (name, f"{name}:443"))
        address = ipaddress.ip_address(self.host)
        called = {name.lower() for name in self.names}
        if address.is_loopback or address.is_unspecified:
            called |= {LOOPBACK, "localhost"} | ({"[::1]"} if address.version == 6 else set())
        if not address.is_unspecified:
            called.add(f"[{address}]" if address.version == 6 else str(address))
        whole = {name if re.search(r":[0-9]+$", name) else f"{name}:{port}" for name in called}
        return frozenset(whole | (called if port == 80 else set()))

    def url(self, port: int) -> str:
        """Return the address that a browser opens, without a path."""
        if self.tls_name is not None:
            return f"https://{self.tls_name}"
        address = ipaddress.ip_address(self.host)
        if self.names:
            name = self.names[0]
        elif address.is_unspecified or str(address) == LOOPBACK:
            name = LOOPBACK
        else:
            name = f"[{address}]" if address.version == 6 else str(address)
        return f"http://{name}" if re.search(r":[0-9]+$", name) else f"http://{name}:{port}"

    def listener(self) -> socket.socket:
        """Return a socket that listens there.

        Raises:
            RimlightError: No port is free, or the address is not of this computer.
        """
        is_v6 = ipaddress.ip_address(self.host).version == 6
        for number in range(self.port, self.port + _N_PORTS) if self.port else [0]:
            family = socket.AF_INET6 if is_v6 else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self.host, number))
                listener.listen(128)
            except OSError as error:
                listener.close()
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise RimlightError(
                        f"{self.host} port {number}: {error.strerror}; name another"
                    ) from error
            else:
                return listener
        last = self.port + _N_PORTS - 1
        raise RimlightError(f"ports {self.port} to {last} are taken; name another by --port")
