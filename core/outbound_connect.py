"""Connecting to a judged address: name to addresses, judge, connect to the very address, then TLS for the name."""

import asyncio
import errno
import ipaddress
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from core.outbound_address import Address, Target, describe_refusal, find_refusal, to_addresses, unwrap

LOOKUP_THREADS = 32
ANSWER_SECONDS = 5.0
MAX_ADDRESSES = 3


class OutboundError(Exception):
    """Why a request has no answer; ``code`` is a class of ``webhooks_app/error_texts.py``."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text[:300])
        self.code = code


class Steps(Protocol):
    """Where the connector notes what it did."""

    address: str
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None


def make_tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connector:
    """Opens connections within one event loop. Look-ups have threads of their own, and one runs per name at a time."""

    def __init__(self, tls: ssl.SSLContext, connect_seconds: float) -> None:
        self._tls = tls
        self._seconds = connect_seconds
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="dns")
        self._pending: dict[str, asyncio.Future[list[Address]]] = {}
        self._answers: dict[str, tuple[float, list[Address]]] = {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect(self, target: Target, protocol: asyncio.Protocol, steps: Steps) -> None:
        """Connects ``protocol`` and notes the steps. Raises ``OutboundError``."""
        deadline = time.perf_counter() + self._seconds
        addresses = await self._judge(target, steps, deadline)
        sock = await self._connect_first(addresses, target.port, steps, deadline)
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        try:
            if target.is_tls:
                await loop.create_connection(
                    lambda: protocol,
                    sock=sock,
                    ssl=self._tls,
                    server_hostname=target.host,
                    ssl_handshake_timeout=self._seconds,
                )
                steps.tls_ms = (time.perf_counter() - started) * 1000
            else:
                await loop.create_connection(lambda: protocol, sock=sock)
        except BaseException as error:
            sock.close()
            if isinstance(error, (OSError, asyncio.TimeoutError)):
                raise _tls_error(error) from None
            raise

    async def _judge(self, target: Target, steps: Steps, deadline: float) -> list[Address]:
        if target.literal is not None:
            found = [target.literal]
        else:
            started = time.perf_counter()
            found = await self._resolve(target.host, deadline)
            steps.dns_ms = (time.perf_counter() - started) * 1000
        allowed, refused = [], None
        for address in map(unwrap, found):
            rule = find_refusal(address)
            if rule is None:
                allowed.append(address)
            else:
                refused = describe_refusal(rule, address)
        if not allowed:
            raise OutboundError("address_refused", refused or "The name has no address.")
        return allowed[:MAX_ADDRESSES]

    async def _resolve(self, host: str, deadline: float) -> list[Address]:
        moment = time.perf_counter()
        known = self._answers.get(host)
        if known is not None and moment - known[0] < ANSWER_SECONDS:
            return known[1]
        task = self._pending.get(host)
        if task is None:
            loop = asyncio.get_running_loop()
            task = self._pending[host] = asyncio.ensure_future(loop.run_in_executor(self._threads, _look_up, host))
            task.add_done_callback(lambda done: self._remember(host, done))
        try:
            async with asyncio.timeout(max(deadline - moment, 0)):
                return await asyncio.shield(task)
        except TimeoutError:
            raise OutboundError("dns_failed", "The name was not resolved in time.") from None
        except socket.gaierror as error:
            is_missing = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            raise OutboundError("dns_not_found" if is_missing else "dns_failed", str(error.strerror)) from None
        except (OSError, UnicodeError) as error:
            raise OutboundError("dns_failed", str(error)) from None

    def _remember(self, host: str, done: "asyncio.Future[list[Address]]") -> None:
        self._pending.pop(host, None)
        if done.cancelled() or done.exception() is not None:
            return
        if len(self._answers) > 10_000:
            self._answers.clear()
        self._answers[host] = (time.perf_counter(), done.result())

    async def _connect_first(self, addresses: list[Address], port: int, steps: Steps, deadline: float) -> socket.socket:
        last = OutboundError("unreachable", "No address.")
        for number, address in enumerate(addresses):
            # The time left is shared among the addresses left, so that a dead first one leaves time for the second.
            seconds = max(deadline - time.perf_counter(), 0) / (len(addresses) - number)
            steps.address = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
            started = time.perf_counter()
            try:
                sock = await _open(address, port, seconds)
            except OutboundError as error:
                last = error
                continue
            steps.connect_ms = (time.perf_counter() - started) * 1000
            return sock
        raise last


def _look_up(host: str) -> list[Address]:
    return to_addresses(socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM))


async def _open(address: Address, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
        peer = ipaddress.ip_address(sock.getpeername()[0])
        if unwrap(peer) != address:
            raise OutboundError("address_refused", f"Connected to {peer} instead of {address}.")
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError):
            raise OutboundError("connect_timeout", f"No connection to {address} in time.") from None
        if isinstance(error, OSError):
            raise _connect_error(error) from None
        raise
    return sock


def _connect_error(error: OSError) -> OutboundError:
    if isinstance(error, ConnectionRefusedError):
        return OutboundError("refused", "The connection was refused.")
    if isinstance(error, ConnectionResetError):
        return OutboundError("reset", "The connection was reset.")
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return OutboundError("unreachable", f"No route to the address: {error.strerror}.")
    if error.errno == errno.ETIMEDOUT:
        return OutboundError("connect_timeout", "No connection in time.")
    return OutboundError("internal", f"The connection failed: {error.strerror or error}.")


_EXPIRED = (9, 10)  # OpenSSL's X509_V_ERR_*: not yet valid, has expired
_WRONG_NAME = (62, 64)
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21, 27)


def _tls_error(error: BaseException) -> OutboundError:
    if isinstance(error, ssl.SSLCertVerificationError):
        text = error.verify_message
        if error.verify_code in _EXPIRED:
            return OutboundError("tls_expired", text)
        if error.verify_code in _WRONG_NAME:
            return OutboundError("tls_wrong_name", text)
        return OutboundError("tls_unknown_issuer" if error.verify_code in _UNKNOWN_ISSUER else "tls_failed", text)
    if isinstance(error, (asyncio.TimeoutError, ConnectionAbortedError)):
        return OutboundError("tls_timeout", "The TLS handshake took too long.")
    if isinstance(error, ConnectionResetError):
        return OutboundError("reset", "The connection was reset during the TLS handshake.")
    if isinstance(error, ssl.SSLError):
        return OutboundError("tls_failed", f"TLS failed: {error.reason or error}.")
    return OutboundError("tls_failed", f"TLS failed: {error}.")
