"""An incremental, strict parser of HTTP/1.1 answers, bounded in every direction. Pure: bytes in, an answer out.

What could be read in two ways is refused: two lengths, a length beside chunks, folded headers, bare line feeds.
"""

import re

MAX_HEAD = 32 * 1024
SHORT_ANSWER = 1024
MAX_HEADERS = 100
MAX_INTERIM = 5
MAX_BODY = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00\r\n]*)?")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n\x00]{0,256})?")

HEAD, LENGTH, CHUNKED, UNTIL_CLOSE, DONE = range(5)


class AnswerError(Exception):
    """What came is not an answer; ``code`` is the error class."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Answer:
    """Feed it with ``feed``; it is complete when that returns True. Keeps the first 16 KB of the body."""

    __slots__ = ("_buffer", "_interim", "_left", "_state", "body", "headers", "is_reusable", "is_truncated", "status")

    def __init__(self) -> None:
        self._buffer = b""
        self._state = HEAD
        self._left = 0
        self._interim = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_truncated = False
        self.is_reusable = False

    @property
    def has_begun(self) -> bool:
        return bool(self._buffer) or self._state != HEAD

    def feed(self, data: bytes) -> bool:
        """Takes bytes; True when the answer is complete, or as much of it as is wanted. Raises ``AnswerError``."""
        self._buffer = self._buffer + data if self._buffer else data
        while self._state == HEAD:
            if not self._take_head():
                return False
        if self._state == LENGTH:
            return self._take_length()
        if self._state == CHUNKED:
            return self._take_chunks()
        if self._state == UNTIL_CLOSE:
            self._keep(self._buffer)
            self._buffer = b""
            return self.is_truncated
        return self._finish()

    def end(self) -> bool:
        """The connection has ended; True if that completes the answer."""
        return self._state == UNTIL_CLOSE

    def _finish(self) -> bool:
        self._state = DONE
        if self._buffer:  # bytes nobody asked for: whatever follows on this connection cannot be trusted
            self.is_reusable = False
        return True

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0:
            if not self._buffer[:5] == b"HTTP/"[: len(self._buffer)]:
                raise AnswerError("invalid_answer", "The answer does not begin with HTTP/1.")
            if len(self._buffer) > MAX_HEAD:
                raise AnswerError("answer_too_large", "The answer's headers exceed 32 KB.")
            return False
        head = self._buffer[:end]
        self._buffer = self._buffer[end + 4 :]
        status, is_11, headers = _read_head(head)
        if status < 200:
            self._interim += 1
            if status == 101 or self._interim > MAX_INTERIM:
                raise AnswerError("invalid_answer", "The answer switches protocols or never becomes final.")
            return True
        self._frame(status, headers, is_11)
        self.status = status
        self.headers = headers
        return True

    def _frame(self, status: int, headers: dict[str, str], is_11: bool) -> None:
        connection = headers.get("connection", "")
        self.is_reusable = is_11 and (not connection or "close" not in connection.lower())
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        if coding is not None:
            if length is not None or coding.strip().lower() != "chunked":
                raise AnswerError("invalid_answer", "The answer's length is given in an unsupported way.")
            self._state = CHUNKED
            self._left = -1
        elif status in (204, 304):
            self._state = DONE
        elif length is not None:
            if len(length) > 18 or not length.isascii() or not length.isdigit():
                raise AnswerError("invalid_answer", "The answer's Content-Length is not one number.")
            self._left = int(length)
            self._state = LENGTH
        else:
            self._state = UNTIL_CLOSE
            self.is_reusable = False

    def _keep(self, data: bytes) -> None:
        room = MAX_BODY - len(self.body)
        if len(data) > room:
            self.is_truncated = True
            self.is_reusable = False
            data = data[:room]
        self.body = self.body + data if self.body else data

    def _take_length(self) -> bool:
        part = self._buffer[: self._left]
        self._buffer = self._buffer[self._left :]
        self._left -= len(part)
        self._keep(part)
        if self._left == 0:
            return self._finish()
        if len(self.body) >= MAX_BODY:
            self.is_truncated, self.is_reusable = True, False
        return self.is_truncated

    def _take_chunks(self) -> bool:
        """``_left``: -1 before a size line, -2 in the trailer, else bytes of the chunk and its line end to come."""
        while True:
            if self._left >= 0:
                is_whole = self._take_chunk()
                if self.is_truncated or not is_whole:
                    return self.is_truncated
                continue
            end = self._buffer.find(b"\r\n", 0, 300)
            if end < 0:
                if len(self._buffer) >= 300:
                    raise AnswerError("invalid_answer", "A chunk of the answer has no size.")
                return False
            line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            if self._left == -2:
                self._interim += 1
                if not line:
                    return self._finish()
                if self._interim > MAX_HEADERS:
                    raise AnswerError("answer_too_large", "The answer's trailer is too long.")
                continue
            match = _CHUNK.fullmatch(line)
            if match is None:
                raise AnswerError("invalid_answer", "A chunk of the answer has no size.")
            size = int(match[1], 16)
            self._left = size + 2 if size else -2

    def _take_chunk(self) -> bool:
        part = self._buffer[: self._left]
        self._buffer = self._buffer[self._left :]
        content = part[: max(self._left - 2, 0)]
        tail = part[len(content) :]
        if tail != b"\r\n"[2 - self._left if self._left < 2 else 0 :][: len(tail)]:
            raise AnswerError("invalid_answer", "A chunk of the answer is longer than its size.")
        self._left -= len(part)
        self._keep(content)
        if self._left == 0:
            self._left = -1
            return True
        return False


KNOWN: dict[bytes, Answer] = {}  # whole answers that came in one piece, with what they were read as; not to be changed
KNOWN_MOST = 256


def remember(data: bytes, answer: Answer) -> None:
    """A busy endpoint answers the same within a second, date included: the same bytes need not be read anew."""
    if len(data) <= SHORT_ANSWER:
        if len(KNOWN) >= KNOWN_MOST:
            KNOWN.clear()
        KNOWN[data] = answer


def _read_head(head: bytes) -> tuple[int, bool, dict[str, str]]:
    """Status, whether it is HTTP/1.1, and headers, which nobody may change: answers share them."""
    lines = head.split(b"\r\n")
    match = _STATUS.fullmatch(lines[0])
    if match is None:
        raise AnswerError("invalid_answer", "The answer's first line is not an HTTP/1.1 status line.")
    return int(match[2]), match[1] == b"1", _parse_headers(lines)


def _parse_headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MAX_HEADERS + 1:
        raise AnswerError("answer_too_large", "The answer has more than 100 headers.")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or b"\x00" in value or b"\n" in value or b"\r" in value:
            raise AnswerError("invalid_answer", "A header of the answer is malformed.")
        key = name.decode("ascii").lower()
        text = value.strip(b" \t").decode("latin-1")
        if key in headers:
            if key == "content-length" and headers[key] == text:
                continue
            text = f"{headers[key]}, {text}"
        headers[key] = text
    return headers
