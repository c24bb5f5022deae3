"""Ways in: loopback, token, hashed password, OpenID Connect, a proxy's header, JupyterHub. Existing parts, put together.

Each way is a Jupyter Server IdentityProvider that says who asks; what they may see is said by `rights`. One YAML file
names the way (see `read` and docs/security.md). Without one a server answers on loopback only.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tornado.web
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider, User
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import JupyterHandler
from traitlets import Int, List, Unicode

from helpers.runs import rights
from helpers.runs.guard import DOORS, Locked, words_page
from helpers.runs.rights import LOCAL, Rights
from helpers.terms.errors import BadInput, Refused, UsageError

WAYS = ("loopback", "token", "password", "openid", "header", "hub")
KNOWN = {  # way -> keys of its part of the file, those that must be there first
    "token": (("token_file", "token_env"), ()),
    "password": (("hash_file", "hash_env"), ()),
    "openid": (
        ("client_secret_file", "client_secret_env"),
        ("issuer", "client_id", "name", "groups", "scopes", "hours"),
    ),
    "header": (("secret_file", "secret_env"), ("name", "groups", "secret")),
    "hub": ((), ()),
}
MUST = {"openid": ("issuer", "client_id"), "header": ("name",)}
HOURS = 8  # a login holds so long
PENDING, MOST_PENDING = 600, 1000  # seconds to log in elsewhere, and how many may be at it
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
KEYS_HOLD = 5.0  # seconds between two looks at a provider's keys
LEEWAY = 60  # seconds that two clocks may differ
TRIES, WHILE = 20, 60.0  # wrong passwords from one address within so many seconds
SHORTEST = 16  # signs of a shared secret


@dataclass
class Person(User):
    """Somebody who is logged in.

    Attributes
    ----------
    way : str
        One of `WAYS`.
    known_as : str
        The name in the file of rights, where it is another than the user name.
    groups : tuple of str
        That the way in vouches for.
    """

    way: str = ""
    known_as: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """How people come in.

    Attributes
    ----------
    way : str
        One of `WAYS`.
    address : str
        Under which people reach the server, such as ``https://finops.example.org``; empty on loopback.
    options : dict
        Of the way; secrets are read already.
    rights : Rights or None
        None: whoever is let in sees everything (token and password only).
    cookie_secret : bytes
        Empty: a new one at each start, which ends every login.
    """

    way: str = "loopback"
    address: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rights: Rights | None = None
    cookie_secret: bytes = field(default=b"", repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host of the address, as a Host header says it."""
        host = urlsplit(self.address).hostname
        return (host,) if host else ()

    @property
    def secure(self) -> bool:
        """Whether people come by https."""
        return self.address.startswith("https://")

    @property
    def base(self) -> str:
        """The path of the address, with a slash at both ends."""
        path = urlsplit(self.address).path.strip("/")
        return f"/{path}/" if path else "/"


ALONE = Access()


def read(path: Path | str) -> Access:
    """Read a file of access.

    A file like::

        way: openid                           # or token, password, header, hub
        address: https://finops.example.org
        rights: rights.yaml                   # beside this file
        openid:
          issuer: https://login.example.org
          client_id: finops
          client_secret_file: secrets/openid  # or client_secret_env: NAME
          name: email                         # the claim that names a person
          groups: groups                      # the claim with the person's groups

    Raises
    ------
    BadInput
        Naming what is wrong; secrets are not shown.
    """
    import yaml

    path = Path(path)

    def bad(found: str, needed: str, remedy: str = "mend the file; docs/security.md shows one of each way") -> BadInput:  # fmt: skip
        return BadInput(found, needed, remedy, file=str(path))

    try:
        said = yaml.load(path.read_text("utf-8"), rights._strict(yaml))
    except FileNotFoundError:
        raise bad("no such file", "a YAML file of access") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as problem:
        raise bad(f"the file cannot be read: {type(problem).__name__}", "a YAML file of access") from problem
    if not isinstance(said, dict):
        raise bad("no mapping", "lines like way: openid")
    way = said.get("way")
    if way not in WAYS[1:]:
        raise bad(f"way: {way!r:.40}", f"one of {', '.join(WAYS[1:])}")
    if unknown := sorted(map(str, said.keys() - {"way", "address", "rights", "cookie_secret_file", "plain_http", way})):  # fmt: skip
        raise bad(f"{unknown[0][:60]!r}", f"way, address, rights, cookie_secret_file and {way}")
    given = said.get(way) or {}
    secret_keys, others = KNOWN[way]
    if not isinstance(given, dict) or (unknown := sorted(map(str, given.keys() - {*secret_keys, *others}))):
        what = unknown[0][:60] if isinstance(given, dict) else "no mapping"
        raise bad(f"{way}: {what!r}", f"{', '.join((*secret_keys, *others)) or 'nothing'}")
    if missing := [k for k in MUST.get(way, ()) if not isinstance(given.get(k), str) or not given[k]]:
        raise bad(f"{way}: no {missing[0]}", "a text")
    options = {k: v for k, v in given.items() if k in others}
    if secret_keys:
        options["shared"] = _secret(path, given, secret_keys, bad)
    if way == "password":
        _hashed(options["shared"], bad)
    elif secret_keys and way != "openid" and len(options["shared"]) < SHORTEST:
        raise bad(f"a secret of {len(options['shared'])} signs", f"{SHORTEST} or more", "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one")  # fmt: skip
    found = None
    if said.get("rights"):
        found = rights.read(path.parent / str(said["rights"]))
    elif way in ("openid", "header", "hub"):
        raise bad("no rights:", "a file that says who may see what", "without it everybody of the organisation would see everything")  # fmt: skip
    cookie = b""
    if said.get("cookie_secret_file"):
        cookie = _secret(path, {"file": said["cookie_secret_file"]}, ("file", "env"), bad).encode()
        if len(cookie) < 2 * SHORTEST:
            raise bad("a short cookie secret", f"{2 * SHORTEST} signs or more")
    address = _address(said.get("address") or "", way, bool(said.get("plain_http")), bad)
    return Access(way, address, options, found, cookie)


def _secret(path: Path, given: Mapping[str, Any], keys: tuple[str, ...], bad: Any) -> str:
    in_file, in_env = keys
    if (in_file in given) == (in_env in given):
        raise bad(f"{' and '.join(k for k in keys if k in given) or 'no secret'}", f"{in_file} or {in_env}")
    if in_env in given:
        value = os.environ.pop(str(given[in_env]), "")  # what is started later does not inherit it
    else:
        file = path.parent / str(given[in_file])
        try:
            if file.stat().st_mode & 0o007:
                raise bad(f"{in_file} may be read by everybody on this machine", "mode 600 or 640", f"chmod 600 {file.name}")  # fmt: skip
            value = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise bad(f"{in_file} cannot be read", "a file with the secret in it") from problem
    if not value:
        raise bad(f"{in_env if in_env in given else in_file} is empty", "the secret")
    return value


def _hashed(value: str, bad: Any) -> None:
    kind, _, rest = value.partition(":")
    if kind not in ("argon2", "sha1", "sha256", "sha512") or not rest:
        raise bad(
            "no hashed password", "what python -m jupyter_server.auth hash gives", "never a password itself"
        )


def _address(address: str, way: str, plain: bool, bad: Any) -> str:
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:  # fmt: skip
        raise bad(f"address: {address[:80]!r}", "an address like https://finops.example.org")
    if parts.scheme == "http" and not plain and not is_loopback(parts.hostname):
        raise bad(
            "an address with http, over which logins can be read",
            "https, from a proxy in front of this server",
            "or plain_http: yes in a network where nobody listens",
        )
    return address.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check(ip: str, access: Access = ALONE) -> None:
    """Refuse to listen where others are, without a way to know them.

    Parameters
    ----------
    ip : str
        Address to listen on; empty or ``0.0.0.0`` for all of the machine's.

    Raises
    ------
    UsageError
    """
    if access.way == "loopback" and not is_loopback(ip):
        raise UsageError(
            f"to listen on {ip or 'every address'} without knowing who asks",
            "127.0.0.1, or a way to log in",
            "--access FILE (docs/security.md): token, password, openid, header or hub",
        )


def config(access: Access, port: int = 0) -> dict[str, Any]:
    """Traitlets of Voila and of the way in, to be laid over a server's own.

    Returns
    -------
    dict
        ``Voila``: classes of provider, authorizer and WebSocket connection; the provider's class: its options.
    """
    kind = {
        "loopback": Loopback,
        "token": Shared,
        "password": Shared,
        "openid": OpenID,
        "header": Header,
        "hub": None,
    }[access.way]
    name = f"finops-login{f'-{port}' if port else ''}"
    if access.secure:
        name = f"{'__Host-' if access.base == '/' else '__Secure-'}{name}"
    cookie = {"cookie_name": name, "cookie_options": {"samesite": "Lax"}, "secure_cookie": access.secure}
    options = dict(access.options)
    shared = options.pop("shared", "")
    voila: dict[str, Any] = {
        "authorizer_class": "helpers.runs.guard.Bound",
        "kernel_websocket_connection_class": "helpers.runs.guard.Connection",
        "base_url": access.base,
    }
    if access.cookie_secret:
        voila["cookie_secret"] = access.cookie_secret
    if kind is None:
        return {"Voila": voila | {"identity_provider_class": "helpers.runs.hub.Hub", "auto_token": True}}
    voila["identity_provider_class"] = kind
    own: dict[str, Any] = cookie
    if access.way == "token":
        voila["token"] = shared
    elif access.way == "password":
        own |= {"hashed_password": shared}
    elif access.way == "openid":
        own |= {"client_secret": shared, "address": access.address, **options}
    elif access.way == "header":
        own |= {"shared": shared} | {f"{k}_header": v for k, v in options.items()}
    return {"Voila": voila, kind.__name__: own}


# --- what all ways share ----------------------------------------------------------------------------------------------


class Way(IdentityProvider):
    """Who asks, kept in a signed cookie that ends; a subclass says how it is found out."""

    way, door = "", ""
    hours = Int(HOURS, help="A login holds so long [h].").tag(config=True)

    @property
    def auth_enabled(self) -> bool:
        return True

    def get_handlers(self) -> list[tuple[str, Any]]:
        return []

    def user_to_cookie(self, user: Any) -> str:
        return json.dumps(
            {
                "u": user.username,
                "n": user.display_name,
                "k": user.known_as,
                "g": list(user.groups),
                "w": user.way,
                "until": int(time.time() + 3600 * self.hours),
            }
        )

    def user_from_cookie(self, cookie_value: str) -> Person | None:
        told = json.loads(cookie_value)
        if told["w"] != self.way or not time.time() < told["until"]:
            return None
        return Person(
            told["u"], display_name=told["n"], way=told["w"], known_as=told["k"], groups=tuple(told["g"])
        )

    async def get_user_token(self, handler: Any) -> Person | None:
        return None

    def is_token_authenticated(self, handler: Any) -> bool:
        return False  # whatever the way, origin and forged requests are checked

    def validate_security(self, app: Any, ssl_options: Any = None) -> None:
        """The address is checked before the server is made (`check`)."""


class Loopback(Way):
    """Whoever sits at this machine; the server listens on loopback only."""

    way = "loopback"

    async def _get_user(self, handler: Any) -> Person:
        return Person(LOCAL.name, way=self.way)


class Attempts:
    """Wrong passwords by address, so that nobody tries a dictionary."""

    def __init__(self) -> None:
        self._at: dict[str, list[float]] = {}

    def many(self, address: str) -> bool:
        """Whether there were too many of late."""
        now = time.monotonic()
        self._at = {
            a: [t for t in at if now - t < WHILE] for a, at in self._at.items() if now - at[-1] < WHILE
        }
        return len(self._at.get(address, ())) >= TRIES

    def wrong(self, address: str) -> None:
        """One more."""
        self._at.setdefault(address, []).append(time.monotonic())


def _with_form(title: str, line: str, form: str) -> str:
    """A page of words with a form of safe HTML; the page's own policy lets it go to this server."""
    made = words_page(title, [line]).replace("form-action &#x27;none", "form-action &#x27;self")
    return made.replace("</div></main>", f"{form}</div></main>", 1)


class Login(Locked, LoginFormHandler):
    """A form with one field, for the ways that share one secret; ``/login?token=…`` is the link a server prints."""

    open_methods, referrer = frozenset({"get", "post"}), "same-origin"
    attempts = Attempts()

    def _render(self, message: Any = None) -> None:
        from helpers.views.markup import safe

        wrong = '<p role="alert">That was not right.</p>' if message else ""
        following = safe(self.get_argument("next", default=self.base_url)[:500])
        form = (
            f'{wrong}<form method="post" action="{safe(self.base_url)}login" class="kit-choices">'
            f'{self.xsrf_form_html()}<input type="hidden" name="next" value="{following}">'
            '<label>Password or token<input type="password" name="password" autocomplete="current-password" required></label>'
            '<button type="submit">Log in</button></form>'
        )
        self.set_header("Cache-Control", "no-store")
        self.finish(_with_form("Please log in", "This server shows its pages to people it knows.", form))

    @allow_unauthenticated
    def get(self) -> None:
        if self.get_query_argument("token", "") and not self.current_user:
            self._try(self.get_query_argument("token"))
        else:
            super().get()

    @allow_unauthenticated
    def post(self) -> None:
        self._try(self.get_body_argument("password", ""))

    def _try(self, given: str) -> None:
        address = self.request.remote_ip or ""
        if self.attempts.many(address):
            raise tornado.web.HTTPError(429)
        user = self.identity_provider.process_login_form(self, given)  # type: ignore[call-arg]
        if user is None:
            self.attempts.wrong(address)
            self.doors.note("", "login", outcome="denied", way=self.identity_provider.way)  # type: ignore[attr-defined]
            self.set_status(401)
            self._render(message=True)
            return
        self.current_user = user
        self.identity_provider.set_login_cookie(self, user)
        self.doors.note(user.known_as or user.username, "login", outcome="logged in", way=user.way)
        self._redirect_safe(self.get_argument("next", default=self.base_url))


class Logout(Locked, JupyterHandler):
    """The end of a login; asked for by a form, not by a link that anybody could send."""

    referrer = "same-origin"

    async def get(self) -> None:
        form = (
            f'<form method="post" action="{self.base_url}logout" class="kit-choices">{self.xsrf_form_html()}'
            '<button type="submit">Log out</button></form>'
        )
        self.set_header("Cache-Control", "no-store")
        self.finish(_with_form("Log out?", f"You are {self.viewer().name[:80]}.", form))

    async def post(self) -> None:
        self.identity_provider.clear_login_cookie(self)
        user: Any = self.current_user
        self.doors.note(getattr(user, "known_as", "") or user.username, "logout", outcome="logged out")
        self.finish(words_page("You are logged out", ["Close the window on a machine that others use."]))


class Shared(Way, PasswordIdentityProvider):
    """Jupyter Server's token or hashed password: one secret for all, so it names nobody.

    Each browser gets a name of its own for its kernels; in the file of rights all of them are the user ``token`` or
    ``password``.
    """

    door = "login"
    allow_password_change = False  # type: ignore[assignment]

    @property
    def way(self) -> str:  # type: ignore[override]
        return "password" if self.hashed_password else "token"

    @property
    def need_token(self) -> bool:  # type: ignore[override]
        return False

    def get_handlers(self) -> list[tuple[str, Any]]:
        return [(r"/login", Login), (r"/logout", Logout)]

    def generate_anonymous_user(self, handler: Any) -> Person:
        return Person(secrets.token_hex(16), way=self.way, known_as=self.way, display_name=self.way)

    async def get_user_token(self, handler: Any) -> Person | None:
        """A program's ``Authorization: token …``; never one in an address, which logs and links would keep."""
        said = self.auth_header_pat.match(handler.request.headers.get("Authorization", ""))
        if not (self.token and said and hmac.compare_digest(said[2].encode(), str(self.token).encode())):
            return None
        return Person("program", way=self.way, known_as=self.way)

    def set_login_cookie(self, handler: Any, user: Any) -> None:
        if user.username != "program":
            super().set_login_cookie(handler, user)

    def process_login_form(self, handler: Any, given: str = "") -> Person | None:
        right = bool(given) and (
            self.passwd_check(given)
            if self.hashed_password
            else hmac.compare_digest(given.encode(), str(self.token).encode())
        )
        return self.generate_anonymous_user(handler) if right else None

    def cookie_secret_hook(self, h: Any) -> Any:
        h.update(f"{self.hashed_password}\0{self.token}".encode())
        return h


class Header(Way):
    """A proxy in front has found out who asks, and says so in one header beside a secret of its own."""

    way = "header"
    shared = Unicode(help="What the proxy and this server know.").tag(config=True)
    name_header = Unicode("X-Forwarded-User").tag(config=True)
    groups_header = Unicode("").tag(config=True)
    secret_header = Unicode("X-Finops-Proxy-Secret").tag(config=True)

    async def _get_user(self, handler: Any) -> Person | None:
        headers = handler.request.headers
        told, names = headers.get_list(self.secret_header), headers.get_list(self.name_header)
        if len(told) != 1 or not hmac.compare_digest(told[0].encode(), self.shared.encode()):
            return None
        if len(names) != 1 or not names[0].strip():
            return None
        groups: tuple[str, ...] = ()
        if self.groups_header and headers.get_list(self.groups_header):
            if len(headers.get_list(self.groups_header)) != 1:
                return None
            groups = tuple(g.strip() for g in headers[self.groups_header].split(",") if g.strip())
        known = handler.settings[DOORS].rights
        try:
            known.viewer(names[0].strip(), groups)
        except (Refused, AttributeError):
            return None  # known people only: "ana,eva" is nobody
        return Person(names[0].strip(), way=self.way, groups=groups)


# --- OpenID Connect ---------------------------------------------------------------------------------------------------


class OpenID(Way):
    """OpenID Connect: authorization code with PKCE, state and nonce; the identity token's signature and claims checked.

    References
    ----------
    OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7, https://openid.net/specs/openid-connect-core-1_0.html (read
    2026-11-26); RFC 9700, Best Current Practice for OAuth 2.0 Security (read 2026-11-26).
    """

    way, door = "openid", "login"
    issuer = Unicode().tag(config=True)
    client_id = Unicode().tag(config=True)
    client_secret = Unicode().tag(config=True)
    address = Unicode(help="Under which people reach this server.").tag(config=True)
    name = Unicode("sub", help="Claim that names a person.").tag(config=True)
    groups = Unicode("groups", help="Claim with the person's groups.").tag(config=True)
    scopes = List(Unicode(), ["openid", "profile", "email"]).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pending: dict[str, tuple[float, str, str, str]] = {}  # state -> begun, nonce, verifier, next
        self._told: dict[str, Any] = {}
        self._keys: Any = None
        self._keys_at = 0.0

    def get_handlers(self) -> list[tuple[str, Any]]:
        return [(r"/login", ToProvider), (r"/login/callback", FromProvider), (r"/logout", Logout)]

    def cookie_secret_hook(self, h: Any) -> Any:
        h.update(f"{self.issuer}\0{self.client_id}\0{self.client_secret}".encode())
        return h

    @property
    def callback(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.address}/login/callback"

    def _session(self) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self.client_id,
            self.client_secret,
            scope=" ".join(self.scopes),
            redirect_uri=self.callback,
            code_challenge_method="S256",
            default_timeout=10,
        )

    def _get(self, url: str) -> Any:
        import requests

        if urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).hostname or ""):
            raise ValueError("an address of the provider that is not https")
        answer = requests.get(url, timeout=10, allow_redirects=False)
        answer.raise_for_status()
        if len(answer.content) > 1 << 20:
            raise ValueError("an answer too large")
        return answer.json()

    def provider(self) -> dict[str, Any]:
        """What the provider says about itself, read once."""
        if not self._told:
            told = self._get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if told.get("issuer") != self.issuer:
                raise ValueError("another issuer than the one asked for")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                parts = urlsplit(told[name])
                if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
                    raise ValueError(f"{name} is not https")
            self._told = told
        return self._told

    def keys(self, again: bool = False) -> Any:
        """The provider's keys; read again, not more often than each few seconds, where a token names another."""
        from joserfc.jwk import KeySet

        if self._keys is None or (again and time.monotonic() - self._keys_at > KEYS_HOLD):
            self._keys = KeySet.import_key_set(self._get(self.provider()["jwks_uri"]))
            self._keys_at = time.monotonic()
        return self._keys

    def begin(self, following: str) -> tuple[str, str]:
        """A login begins: the address to go to, and the state that the browser keeps."""
        now = time.monotonic()
        self._pending = {s: p for s, p in self._pending.items() if now - p[0] < PENDING}
        while len(self._pending) >= MOST_PENDING:
            self._pending.pop(next(iter(self._pending)))
        nonce, verifier, state = (
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            secrets.token_urlsafe(32),
        )
        url, _ = self._session().create_authorization_url(
            self.provider()["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
        self._pending[state] = (now, nonce, verifier, following)
        return url, state

    def finish(self, state: str, code: str) -> tuple[Person, str]:
        """A login ends: the person, and where they wanted to go. A state is good for one try."""
        begun, nonce, verifier, following = self._pending.pop(state)
        if time.monotonic() - begun > PENDING:
            raise ValueError("too late")
        with self._session() as session:
            token = session.fetch_token(
                self.provider()["token_endpoint"],
                code=code,
                code_verifier=verifier,
                timeout=10,
                allow_redirects=False,
            )
        claims = self.claims(token["id_token"], nonce, token.get("access_token", ""))
        name = claims.get(self.name)
        if not isinstance(name, str) or not name.strip() or len(name) > rights.LONGEST:
            raise ValueError(f"no claim {self.name}")
        if self.name == "email" and claims.get("email_verified") is False:
            raise ValueError("an address that was not verified")
        groups = claims.get(self.groups) or []
        groups = [groups] if isinstance(groups, str) else groups
        person = Person(
            f"{claims['sub']}",
            display_name=name,
            way=self.way,
            known_as=name,
            groups=tuple(g for g in groups if isinstance(g, str))[:200],
        )
        return person, following

    def claims(self, token: str, nonce: str, access_token: str) -> Any:
        """The claims of an identity token, once its signature, issuer, audience, times, nonce and hashes are right."""
        from authlib.oidc.core.claims import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError

        try:
            found = jwt.decode(token, self.keys(), algorithms=ALGORITHMS)
        except (InvalidKeyIdError, ValueError):
            found = jwt.decode(token, self.keys(again=True), algorithms=ALGORITHMS)
        claims = CodeIDToken(
            found.claims,
            found.header,
            options={
                "iss": {"essential": True, "value": self.issuer},
                "aud": {"essential": True, "value": self.client_id},
                "nonce": {"essential": True, "value": nonce},
                "sub": {"essential": True},
                "exp": {"essential": True},
                "iat": {"essential": True},
            },
            params={"nonce": nonce, "client_id": self.client_id, "access_token": access_token},
        )
        claims.validate(int(time.time()), LEEWAY)
        return claims


class _OpenIDHandler(Locked, JupyterHandler):
    STATE = "finops-login-state"

    @property
    def cookie(self) -> str:
        return f"{'__Secure-' if self.doors.secure else ''}{self.STATE}"

    def refuse(self, problem: Exception) -> None:
        from helpers.runs.secrets import masked

        self.log.warning("A login failed: %s", masked(f"{type(problem).__name__}: {problem}"[:300]))
        self.doors.note("", "login", outcome="denied", way="openid")
        self.said = Refused("the login did not succeed", "", "try it again")
        raise tornado.web.HTTPError(403) from problem


class ToProvider(_OpenIDHandler):
    """Send the browser to the identity provider."""

    open_methods = frozenset({"get"})

    @allow_unauthenticated
    async def get(self) -> None:
        provider: Any = self.identity_provider
        try:
            url, state = await asyncio.to_thread(provider.begin, self.following[:1000])
        except Exception as problem:
            self.log.warning("The identity provider does not answer: %s", type(problem).__name__)
            self.said = Refused("the identity provider does not answer", "", "try again in a minute")
            raise tornado.web.HTTPError(503) from problem
        self.set_secure_cookie(
            self.cookie, state, expires_days=None, httponly=True, samesite="Lax", secure=self.doors.secure,
            path=f"{self.base_url}login",
        )  # fmt: skip
        self.redirect(url)


class FromProvider(_OpenIDHandler):
    """The browser comes back with a code."""

    open_methods = frozenset({"get"})

    @allow_unauthenticated
    async def get(self) -> None:
        provider: Any = self.identity_provider
        kept = self.get_secure_cookie(self.cookie, max_age_days=1)
        self.clear_cookie(self.cookie, path=f"{self.base_url}login")
        given = {name: self.get_query_arguments(name) for name in ("state", "code")}
        if kept is None or any(len(v) != 1 for v in given.values()):
            self.refuse(ValueError("no state or no code"))
            return
        state = given["state"][0]
        if not hmac.compare_digest(kept, state.encode()) or state not in provider._pending:
            self.refuse(ValueError("another state"))
            return
        try:
            person, following = await asyncio.to_thread(provider.finish, state, given["code"][0])
        except Exception as problem:
            self.refuse(problem)
            return
        provider.set_login_cookie(self, person)
        self.doors.note(person.known_as, "login", outcome="logged in", way="openid")
        self.redirect(following)
