"""A real SMTP server (aiosmtpd) that takes mail and tells what it got.

Arguments: none | starttls CERTIFICATE KEY | tls CERTIFICATE KEY, then perhaps USER PASSWORD.
Listens at the port in SMTP_PORT, or at a free one. Prints its port, then a JSON object a line for each mail, as Python's own mail parser reads it.
Refuses RCPT TO for `gone@` for good, for `full@` for now and for `relay@` because of who we are, and repeats the address
in its answer, as servers do.
"""

import asyncio
import email
import email.policy
import json
import logging
import os
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# That a password is taken without TLS is what a test wants.
warnings.simplefilter("ignore")
logging.getLogger("mail.log").setLevel(logging.ERROR)

security, arguments = sys.argv[1], sys.argv[2:]
context = None
if security != "none":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments[0], arguments[1])
    arguments = arguments[2:]


class Handler:
    async def handle_RCPT(self, server, connection, envelope, address, options):
        name = address.split("@")[0]
        if name == "gone":
            return f"550 5.1.1 <{address}>: Recipient address rejected: user {name} unknown"
        if name == "full":
            return f"452 4.2.2 <{address}> is over quota"
        if name == "relay":
            return f"554 5.7.1 <{address}>: Relay access denied"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, connection, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: message.get_body((kind,)).get_content().replace("\r\n", "\n")
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "user": (connection.auth_data.login.decode() if connection.auth_data else None),
            "type": message.get_content_type(),
            "headers": {name: str(value) for name, value in message.items()},
            "defects": [str(defect) for each in message.walk() for defect in each.defects],
            "longest_line": max(map(len, envelope.content.split(b"\r\n"))),
            "text": part("plain"),
            "html": part("html"),
        }), flush=True)
        return "250 OK"


def is_known(server, connection, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()] == arguments
    return AuthResult(success=known, handled=False, auth_data=data if known else None)


def smtp():
    known = {"authenticator": is_known, "auth_required": True} if arguments else {}
    if security == "starttls":
        return SMTP(Handler(), tls_context=context, require_starttls=True, **known)
    return SMTP(Handler(), auth_require_tls=False, **known)


async def main():
    tls = context if security == "tls" else None
    port = int(os.environ.get("SMTP_PORT", "0"))
    server = await asyncio.get_running_loop().create_server(smtp, "127.0.0.1", port, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
