"""Why an attempt was not accepted, in words: what happened and what to do. Error classes are stable names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorText:
    """``title`` fits a table cell, ``meaning`` says what happened, ``advice`` what to do about it."""

    title: str
    meaning: str
    advice: str


ERROR_TEXTS: dict[str, ErrorText] = {
    "dns_not_found": ErrorText(
        "Name not found",
        "The host name in the URL does not resolve to an address.",
        "Check the spelling of the URL and the DNS records of the domain.",
    ),
    "dns_failed": ErrorText(
        "Name look-up failed",
        "The name servers of the domain did not answer in time.",
        "Nothing needs to be done if it happens once; otherwise check the domain's name servers.",
    ),
    "address_refused": ErrorText(
        "Address not allowed",
        "The URL leads to a private or reserved address, which is never connected to.",
        "Use a public address, or let the operator add the network to OUTBOUND_ALLOWED_NETWORKS.",
    ),
    "url_refused": ErrorText(
        "URL not allowed",
        "The URL breaks a rule for endpoints.",
        "Change the endpoint's URL to a plain https:// address.",
    ),
    "refused": ErrorText(
        "Connection refused",
        "Nothing listens at that address and port.",
        "Start your server, or open the port in its firewall.",
    ),
    "connect_timeout": ErrorText(
        "No connection within 5 seconds",
        "Your server's address did not answer the attempt to connect.",
        "Check that the server is up and that no firewall drops the packets.",
    ),
    "unreachable": ErrorText(
        "Network unreachable",
        "There is no route to your server's address.",
        "Check the DNS records, IPv6 ones included, and the server's network.",
    ),
    "tls_expired": ErrorText(
        "Certificate expired",
        "Your server's TLS certificate is outside its dates.",
        "Renew the certificate and reload the server.",
    ),
    "tls_wrong_name": ErrorText(
        "Certificate for another name",
        "Your server's TLS certificate is not for the host in the URL.",
        "Install a certificate for this host name, or correct the URL.",
    ),
    "tls_unknown_issuer": ErrorText(
        "Certificate not trusted",
        "Your server's TLS certificate is self-signed or its chain is incomplete.",
        "Install a certificate from a public authority together with its intermediate certificates.",
    ),
    "tls_failed": ErrorText(
        "TLS failed",
        "The encrypted connection could not be set up.",
        "Check that this port speaks TLS 1.2 or newer.",
    ),
    "tls_timeout": ErrorText(
        "TLS too slow",
        "Your server took the connection and did not finish the TLS handshake in time.",
        "Check that this port speaks TLS and that the server is not overloaded.",
    ),
    "answer_timeout": ErrorText(
        "No answer within 15 seconds",
        "Your server took the request and did not answer within 15 seconds.",
        "Answer 200 first, then do slow work in the background.",
    ),
    "reset": ErrorText(
        "Connection reset",
        "Your server, or something in front of it, broke the connection.",
        "Look for a crash or a restart in your server's log at this time.",
    ),
    "closed": ErrorText(
        "Closed without an answer",
        "Your server closed the connection before it had answered.",
        "Look for a crash or a worker time-out in your server's log at this time.",
    ),
    "invalid_answer": ErrorText(
        "Not an HTTP answer",
        "What came back is not a valid HTTP/1.1 answer.",
        "Check that the port in the URL is your web server's, and http or https as it speaks.",
    ),
    "answer_too_large": ErrorText(
        "Headers too large",
        "Your server sent more than 32 KB of headers.",
        "Answer with a plain 200 and few headers.",
    ),
    "internal": ErrorText(
        "Not sent",
        "The attempt failed on our side.",
        "Nothing needs to be done: it is tried again. The operator finds the cause in the log.",
    ),
    "http_3xx": ErrorText(
        "Redirect not followed",
        "Your server answered with a redirect. Redirects are not followed.",
        "Set the endpoint's URL to the address it redirects to.",
    ),
    "http_401": ErrorText(
        "Signature or sign-in refused",
        "Your server refused the request as not signed in.",
        "Check that it verifies with this endpoint's current secret and the raw body; the signature debugger helps.",
    ),
    "http_403": ErrorText(
        "Forbidden",
        "Your server, or a firewall in front of it, refused the request.",
        "Allow this path without a session or CSRF check, and verify the signature instead.",
    ),
    "http_404": ErrorText(
        "Not found",
        "Your server has nothing at this path.",
        "Check the path of the endpoint's URL and that the route takes POST.",
    ),
    "http_410": ErrorText(
        "Gone: endpoint switched off",
        "Your server said that this address is gone for good, so the endpoint was switched off.",
        "Correct the URL, switch the endpoint on again and replay what was held.",
    ),
    "http_413": ErrorText(
        "Body too large for your server",
        "Your server refused the size of the request.",
        "Raise the body limit of your server or its proxy; deliveries are small, 1 MB is plenty.",
    ),
    "http_429": ErrorText(
        "Too many requests",
        "Your server asked for fewer requests. The next try waits as long as it said.",
        "Set a limit of requests per second on this endpoint.",
    ),
    "http_4xx": ErrorText(
        "Refused by your server",
        "Your server answered that the request is wrong.",
        "Read the answer below; your server's log may say more.",
    ),
    "http_5xx": ErrorText(
        "Error in your server",
        "Your server failed while it worked on the request.",
        "Look into your server's log at this time.",
    ),
    "http_other": ErrorText(
        "Unexpected status",
        "Your server answered with a status that is not success.",
        "Answer any 2xx to accept a delivery.",
    ),
}
ERROR_CLASSES = tuple(ERROR_TEXTS)
_OWN = frozenset({401, 403, 404, 410, 413, 429})


def status_class(status: int) -> str:
    """The error class of an HTTP status; "" for success."""
    if 200 <= status < 300:
        return ""
    if status in _OWN:
        return f"http_{status}"
    hundred = status // 100
    return f"http_{hundred}xx" if hundred in (3, 4, 5) else "http_other"


def describe_error(error: str) -> ErrorText:
    """The words for an error class; unknown ones fall back to the class's own name."""
    return ERROR_TEXTS.get(error) or ErrorText(
        error.replace("_", " ").capitalize(), "The attempt failed.", "Try again."
    )
