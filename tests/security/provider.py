"""A real OpenID provider for tests: its own port, keys, discovery, authorization code with PKCE; and ways to be wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import threading
import time
from typing import Any

import tornado.httpserver
import tornado.web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey


class Provider:
    """Answers on loopback in a thread; `wrong` names what it does badly, `person` who is logged in there."""

    def __init__(self, client: str = "finops", secret: str = "client-secret") -> None:
        self.client, self.secret = client, secret
        self.person: dict[str, Any] = {"sub": "u1", "email": "ana", "groups": ["staff"]}
        self.wrong = ""
        self.keys = {"k1": RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self.issuer = ""
        self._ready = threading.Event()
        self._loop: Any = None
        threading.Thread(target=self._run, daemon=True).start()
        assert self._ready.wait(20)

    def _run(self) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            routes = [
                (r"/\.well-known/openid-configuration", _Discovery),
                (r"/authorize", _Authorize),
                (r"/token", _Token),
                (r"/keys", _Keys),
            ]
            server = tornado.httpserver.HTTPServer(
                tornado.web.Application(
                    [(p, h, {"provider": self}) for p, h in routes], log_function=lambda _: None
                )
            )
            sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
            server.add_sockets(sockets)
            self.issuer = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
            self._ready.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def turn_key(self) -> None:
        """A new key, as providers do; the old one is gone."""
        kid = f"k{len(self.keys) + 1}{secrets.token_hex(2)}"
        self.keys = {kid: ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}, private=True)}

    def token(self, nonce: str) -> str:
        """The identity token, right or wrong."""
        now, wrong = int(time.time()), self.wrong
        claims = {
            "iss": self.issuer, "aud": self.client, "iat": now, "exp": now + 300, "nonce": nonce, **self.person,
        }  # fmt: skip
        claims |= {
            "issuer": {"iss": "https://evil.example"},
            "audience": {"aud": "another-client"},
            "audiences": {"aud": [self.client, "another-client"]},
            "azp": {"aud": [self.client, "another"], "azp": "another"},
            "expired": {"exp": now - 3600, "iat": now - 7200},
            "future": {"iat": now + 3600, "nbf": now + 3600},
            "nonce": {"nonce": "another"},
            "at_hash": {"at_hash": "wrong"},
            "unverified": {"email_verified": False},
            "nameless": {"email": None},
        }.get(wrong, {})  # fmt: skip
        if wrong == "no nonce":
            claims.pop("nonce")
        if wrong == "no sub":
            claims.pop("sub")
        kid, key = next(iter(self.keys.items()))
        alg = "ES256" if isinstance(key, ECKey) else "RS256"
        if wrong == "unsigned":
            part = lambda d: base64.urlsafe_b64encode(json.dumps(d).encode()).rstrip(b"=").decode()  # noqa: E731
            return f"{part({'alg': 'none', 'kid': kid})}.{part(claims)}."
        if wrong == "public key as a password":
            return jwt.encode(
                {"alg": "HS256", "kid": kid}, claims, OctKey.import_key(key.as_pem(private=False))
            )
        if wrong == "another's key":
            key = RSAKey.generate_key(2048, {"kid": kid}, private=True)
        if wrong == "key from its own header":
            key = RSAKey.generate_key(2048, private=True)
            return jwt.encode({"alg": "RS256", "kid": kid, "jwk": key.as_dict(private=False)}, claims, key)
        made = jwt.encode({"alg": alg, "kid": kid}, claims, key)
        if wrong == "changed":
            head, body, sign = made.split(".")
            told = json.loads(base64.urlsafe_b64decode(body + "=="))
            told["email"] = "max"
            body = base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
            return f"{head}.{body}.{sign}"
        return made


class _Own(tornado.web.RequestHandler):
    def initialize(self, provider: Provider) -> None:
        self.provider = provider


class _Discovery(_Own):
    def get(self) -> None:
        issuer = self.provider.issuer
        if self.provider.wrong == "silent":
            self.set_status(500)
            return
        said = "https://evil.example" if self.provider.wrong == "discovery" else issuer
        self.finish(
            {
                "issuer": said, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys", "response_types_supported": ["code"],
            }
        )  # fmt: skip


class _Authorize(_Own):
    """Somebody is logged in there already, and agrees."""

    def get(self) -> None:
        said = {k: self.get_query_argument(k, "") for k in self.request.query_arguments}
        self.provider.asked.append(said)
        assert said["client_id"] == self.provider.client
        assert said["response_type"] == "code"
        assert said["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.provider.codes[code] = said
        self.redirect(f"{said['redirect_uri']}?code={code}&state={said['state']}")


class _Token(_Own):
    def post(self) -> None:
        given = self.request.headers.get("Authorization", "")
        expected = base64.b64encode(f"{self.provider.client}:{self.provider.secret}".encode()).decode()
        said = self.provider.codes.pop(self.get_body_argument("code"), None)
        verifier = self.get_body_argument("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        right = (
            given == f"Basic {expected}"
            and said is not None
            and said["code_challenge"] == challenge
            and said["redirect_uri"] == self.get_body_argument("redirect_uri")
        )
        if not right:
            self.set_status(400)
            self.finish({"error": "invalid_grant"})
            return
        self.finish({"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": self.provider.token(said.get("nonce", ""))})  # fmt: skip


class _Keys(_Own):
    def get(self) -> None:
        self.finish(KeySet(list(self.provider.keys.values())).as_dict(private=False))
