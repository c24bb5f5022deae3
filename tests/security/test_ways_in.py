"""Ways in, each with its real counterpart: an OpenID provider, a token, a password, an address that others reach."""

from __future__ import annotations

import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.security import making
from tests.security.making import OURS, SECRET
from tests.security.provider import Provider

from helpers.runs import identity
from helpers.terms.errors import BadInput, UsageError

OPENID = "way: openid\naddress: {{address}}\nrights: rights.yaml\ncookie_secret_file: cookie\nopenid: {{{{issuer: '{issuer}', client_id: finops, client_secret_file: secret, name: email, groups: groups}}}}\n"
COOKIE = "c" * 40


@pytest.fixture(scope="module")
def provider():
    made = Provider(secret=making.PROXY)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def right(provider):
    provider.wrong, provider.person = "", {"sub": "u1", "email": "ana", "groups": ["staff"]}


@pytest.fixture(scope="module")
def server(starter, provider, tmp_path_factory):
    folder = tmp_path_factory.mktemp("openid")
    (folder / "cookie").write_text(COOKIE)
    (folder / "cookie").chmod(0o600)
    return starter("app", OPENID.format(issuer=provider.issuer), folder=folder)


@pytest.mark.parametrize("base", ["/", "/finops/"])
@pytest.mark.parametrize(
    "asked", ["//evil.example/", "/\\evil.example/", "https://evil.example/", "/a\nb", "evil"]
)
def test_nobody_is_sent_to_another_server_after_a_login(base, asked):
    """Of the hub's way in too: a browser takes a backslash there for a slash."""
    from types import SimpleNamespace

    from helpers.runs.guard import Locked

    def going(following):
        return Locked.following.fget(SimpleNamespace(get_query_argument=lambda *_: following, base_url=base))

    assert going(asked) == base
    assert going(f"{base}practitioner_kpis/?month=2026-09") == f"{base}practitioner_kpis/?month=2026-09"


def browser(cookies: dict[str, str]) -> str:
    return "; ".join(f"{k}={v}" for k, v in cookies.items())


def to_provider(server, following: str = "/") -> tuple[str, dict[str, str]]:
    """The address at the provider, and the browser's cookies."""
    answer = server.ask(f"/login?next={following}")
    assert answer.status == 302, answer.text
    return answer.headers["Location"], answer.cookies


def back(location: str) -> str:
    """Log in at the provider: the path it sends the browser back to."""
    import http.client

    parts = urlsplit(location)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    line.request("GET", f"{parts.path}?{parts.query}")
    found = line.getresponse().getheader("Location")
    line.close()
    there = urlsplit(found)
    return f"{there.path}?{there.query}"


def logged_in(server, following: str = "/"):
    location, cookies = to_provider(server, following)
    answer = server.ask(back(location), Cookie=browser(cookies))
    return answer, {k: v for k, v in answer.cookies.items() if v and v != '""'}


def test_whoever_is_not_known_gets_a_page_with_the_way_to_log_in(server):
    answer = server.ask("/")
    assert answer.status == 401
    assert '<a href="/login">Log in</a>' in answer.text


def test_a_person_logs_in_and_sees_their_part(server, provider):
    answer, cookies = logged_in(server, "/%3Fmonth=2026-08")
    assert answer.status == 302, answer.text
    assert answer.headers["Location"] == "/?month=2026-08"
    page = server.ask("/", Cookie=browser(cookies))
    assert page.status == 200
    assert OURS in page.text
    assert SECRET not in page.text
    asked = provider.asked[-1]
    assert asked["scope"].split()[0] == "openid"
    assert len(asked["state"]) > 30
    assert len(asked["nonce"]) > 30
    assert asked["code_challenge"]


def test_a_group_at_the_provider_gives_the_groups_rights(server, provider):
    provider.person = {"sub": "u9", "email": "kim", "groups": ["board"]}
    _, cookies = logged_in(server)
    page = server.ask("/", Cookie=browser(cookies))
    assert OURS in page.text
    assert SECRET in page.text


def test_somebody_whom_the_file_does_not_name_is_told_so(server, provider):
    provider.person = {"sub": "u8", "email": "kim", "groups": ["staff"]}
    _, cookies = logged_in(server)
    page = server.ask("/", Cookie=browser(cookies))
    assert page.status == 403
    assert "has no rights here" in page.text
    assert OURS not in page.text


WRONG = (
    "issuer", "audience", "audiences", "azp", "expired", "future", "nonce", "no nonce", "no sub", "at_hash", "unverified",
    "nameless", "unsigned", "public key as a password", "another's key", "key from its own header", "changed",
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_that_is_not_right_lets_nobody_in(server, provider, wrong):
    provider.wrong = wrong
    answer, cookies = logged_in(server)
    assert answer.status == 403
    assert "did not succeed" in answer.text
    assert server.ask("/", Cookie=browser(cookies)).status == 401


def test_a_state_is_good_once_and_for_its_own_browser_only(server, provider):
    location, cookies = to_provider(server)
    path = back(location)
    assert server.ask(path).status == 403, "a browser without the cookie: somebody else's link"
    location, cookies = to_provider(server)
    _, others = to_provider(server)
    path = back(location)
    assert server.ask(path, Cookie=browser(others)).status == 403
    location, cookies = to_provider(server)
    path = back(location)
    assert server.ask(path, Cookie=browser(cookies)).status == 302
    assert server.ask(path, Cookie=browser(cookies)).status == 403, "again"
    for bad in ("/login/callback", "/login/callback?state=x", "/login/callback?state=x&code=y&state=z"):
        assert server.ask(bad, Cookie=browser(cookies)).status == 403


def test_a_code_of_another_login_is_refused(server, provider):
    """Its verifier is another: a stolen code is of no use."""
    one, _ = to_provider(server)
    stolen = parse_qs(urlsplit(back(one)).query)["code"][0]
    location, cookies = to_provider(server)
    state = parse_qs(urlsplit(back(location)).query)["state"][0]
    assert server.ask(f"/login/callback?state={state}&code={stolen}", Cookie=browser(cookies)).status == 403


def test_a_new_key_of_the_provider_is_fetched(server, provider):
    assert logged_in(server)[0].status == 302
    provider.turn_key()
    until = time.monotonic() + 3 * identity.KEYS_HOLD
    while (found := logged_in(server)[0].status) == 403 and time.monotonic() < until:
        time.sleep(0.5)
    assert found == 302


@pytest.mark.parametrize(
    "following",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "%2f%2fevil.example",
        "javascript:x",
        "/%0aSet-Cookie:x=y",
    ],
)
def test_after_the_login_nobody_is_sent_elsewhere(server, following):
    answer, _ = logged_in(server, following)
    assert answer.status in (302, 403)
    location = answer.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "\n" not in location


def test_a_forged_or_foreign_cookie_is_nobody(server):
    _, cookies = logged_in(server)
    name, value = next((k, v) for k, v in cookies.items() if k.startswith("finops-login"))
    for forged in (value[:-4] + "0000", value.replace("|", "!"), "ana", '{"u":"ana"}', value[:40], ""):
        assert server.ask("/", Cookie=f"{name}={forged}").status == 401
    assert server.ask("/", Cookie=f"{name}={value}").status == 200


def test_the_cookie_is_the_browsers_own(server):
    location, cookies = to_provider(server)
    raw = server.ask(back(location), Cookie=browser(cookies))
    said = next(line for line in raw.lines if "finops-login-" in line and "state" not in line)
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said


def test_a_change_of_the_clients_secret_ends_every_login():
    """The key of cookies is made of both; a hashed password's change is tried on a real server below."""
    from helpers.runs import guard

    def key(**said):
        provider = identity.OpenID(issuer="https://i", client_id="c", **said)
        return guard.settings(guard.Doors(), b"kept" * 8, provider)["cookie_secret"]

    assert key(client_secret="one") == key(client_secret="one")
    assert key(client_secret="one") != key(client_secret="two")


@pytest.mark.parametrize(("wrong", "said"), [("discovery", "another issuer"), ("silent", "500")])
def test_a_provider_that_says_another_issuer_or_nothing(provider, wrong, said):
    provider.wrong = wrong
    with pytest.raises(Exception, match=said):
        identity.OpenID(issuer=provider.issuer).provider()
    with pytest.raises(ValueError, match="not https"):
        identity.OpenID(issuer="http://login.example")._get("http://login.example/")


def test_in_a_browser(server, page, provider):
    page.goto(server.address)
    page.get_by_role("link", name="Log in").click()
    page.locator(".kit-headline").wait_for(timeout=90_000)
    assert OURS in page.locator(".kit-headline").inner_text()
    assert page.outside == []


# --- token and password -----------------------------------------------------------------------------------------------

TOKEN = "way: token\naddress: {address}\nrights: rights.yaml\ntoken: {{token_file: secret}}\n"


@pytest.fixture(scope="module")
def with_token(starter):
    return starter("lesson", TOKEN)


def login(server, given: str, cookies: dict[str, str] | None = None):
    form = server.ask("/login")
    xsrf = form.text.partition('name="_xsrf" value="')[2].partition('"')[0]
    body = f"_xsrf={xsrf}&password={given}&next=%2F"
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    return server.ask(
        "/login", method="POST", body=body, Cookie=browser(form.cookies | (cookies or {})), **kind
    )


def test_a_token_is_typed_once(with_token):
    answer = with_token.ask("/")
    assert answer.status == 401
    assert '<a href="/login">' in answer.text
    assert login(with_token, "wrong").status == 401
    right = login(with_token, making.PROXY)
    assert right.status == 302
    page = with_token.ask("/", Cookie=browser(right.cookies))
    assert page.status == 200
    assert SECRET not in page.text, "the rights of the user token"
    other = login(with_token, making.PROXY)
    kernel = page.text.partition('"kernelId": "')[2].partition('"')[0]
    assert with_token.ask(f"/api/kernels/{kernel}", Cookie=browser(right.cookies)).status == 200
    assert with_token.ask(f"/api/kernels/{kernel}", Cookie=browser(other.cookies)).status == 403, (
        "another browser"
    )


def test_the_form_works_in_a_browser_and_so_does_the_way_out(with_token, page):
    page.goto(with_token.address)
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Password or token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("That was not right.").wait_for(timeout=15_000)
    page.get_by_label("Password or token").fill(making.PROXY)
    page.keyboard.press("Enter")
    page.locator(".kit-headline").wait_for(timeout=90_000)
    assert OURS in page.locator(".kit-headline").inner_text()
    page.goto(with_token.address + "logout")
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out").wait_for(timeout=15_000)
    page.goto(with_token.address)
    assert page.get_by_role("link", name="Log in").is_visible()
    assert page.outside == []


def test_a_login_form_needs_its_own_page(with_token):
    body = f"password={making.PROXY}"
    answer = with_token.ask(
        "/login", method="POST", body=body, Content_Type="application/x-www-form-urlencoded"
    )
    assert answer.status == 403


def test_a_token_in_an_address_counts_at_the_login_only(with_token):
    assert with_token.ask(f"/?token={making.PROXY}").status == 401
    linked = with_token.ask(f"/login?token={making.PROXY}")
    assert linked.status == 302
    assert linked.headers["Location"] == "/"
    assert making.PROXY not in with_token.said()
    program = with_token.ask("/?month=none", Authorization=f"token {making.PROXY}")
    assert program.status == 400, "a program's header is let in, and told about the month"
    assert with_token.ask("/?month=none", Authorization="token wrong").status == 401


def test_a_hashed_password_and_its_change(starter, tmp_path_factory):
    from jupyter_server.auth.security import passwd

    folder = tmp_path_factory.mktemp("password")
    for name, text in (("hash", passwd("open sesame", "sha256")), ("cookie", COOKIE)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    access = "way: password\naddress: {address}\nrights: rights.yaml\ncookie_secret_file: cookie\npassword: {{hash_file: hash}}\n"
    server = starter("app", access, folder=folder)
    assert login(server, "open+sesame!").status == 401
    right = login(server, "open+sesame")
    assert right.status == 302
    held = browser(right.cookies)
    assert server.ask("/", Cookie=held).status == 200
    server.process.terminate()
    server.process.wait(20)
    server = starter("app", access, folder=folder, port=server.port)
    assert server.ask("/", Cookie=held).status == 200, "a restart ends no login where a cookie secret is kept"
    server.process.terminate()
    server.process.wait(20)
    (folder / "hash").write_text(passwd("other sesame", "sha256"))
    server = starter("app", access, folder=folder, port=server.port)
    assert server.ask("/", Cookie=held).status == 401, "a changed password ends every login"


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", ["0.0.0.0", "", "::", "192.168.0.7", "finops.example"])
def test_an_address_that_others_reach_needs_a_way_to_know_them(ip, tmp_path):
    with pytest.raises(UsageError, match="without knowing who asks"):
        identity.check(ip)
    from helpers.runs import app

    with pytest.raises(UsageError, match="without knowing who asks"):
        app.serve("practitioner_kpis", data=tmp_path, ip=ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_none(ip):
    identity.check(ip)


def test_the_command_line_refuses_it_with_a_sentence(tmp_path):
    words = [sys.executable, "-m", "helpers", "serve", "--data", str(tmp_path), "--ip", "0.0.0.0"]
    done = subprocess.run(
        words,
        env=making.os.environ | {"PYTHONPATH": str(making.ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "without knowing who asks" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping"),
        ("way: guess", "one of token"),
        ("way: token\ntoken: {token_file: short}", "16 or more"),
        ("way: token\ntoken: {token_file: open}", "may be read by everybody"),
        ("way: token\ntoken: {token_file: secret, token_env: X}", "token_file and token_env"),
        ("way: token\ntoken: {}", "no secret"),
        ("way: token\ntoken: {token: abc}", "token"),
        ("way: token\ntoken: {token_file: gone}", "cannot be read"),
        ("way: token\ntoken: {token_env: NOT_SET_ANYWHERE}", "is empty"),
        ("way: password\npassword: {hash_file: secret}", "no hashed password"),
        ("way: openid\nopenid: {issuer: 'https://x', client_id: y, client_secret_file: secret}", "no rights"),
        ("way: openid\nrights: rights.yaml\nopenid: {client_id: y, client_secret_file: secret}", "no issuer"),
        ("way: header\nrights: rights.yaml\nheader: {secret_file: secret}", "no name"),
        ("way: header\nrights: gone.yaml\nheader: {secret_file: secret, name: X}", "no such file"),
        ("way: token\naddress: http://finops.example\ntoken: {token_file: secret}", "logins can be read"),
        ("way: token\naddress: ftp://finops.example\ntoken: {token_file: secret}", "an address like"),
        ("way: token\naddress: https://me:pw@finops.example\ntoken: {token_file: secret}", "an address like"),
        ("way: token\nextra: 1\ntoken: {token_file: secret}", "extra"),
        ("way: token\nway: header\ntoken: {token_file: secret}", "cannot be read"),
    ],
)
def test_a_file_of_access_that_is_not_right(tmp_path, text, said):
    for name, held, mode in (
        ("secret", making.PROXY, 0o600),
        ("short", "abc", 0o600),
        ("open", making.PROXY, 0o644),
    ):
        (tmp_path / name).write_text(held)
        (tmp_path / name).chmod(mode)
    (tmp_path / "rights.yaml").write_text(making.RIGHTS)
    file = tmp_path / "access.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as refused:
        identity.read(file)
    assert said in str(refused.value)
    assert making.PROXY not in str(refused.value)


def test_cookies_over_https_say_so(tmp_path):
    for name in ("secret", "rights.yaml"):
        (tmp_path / name).write_text(making.PROXY if name == "secret" else making.RIGHTS)
        (tmp_path / name).chmod(0o600)
    file = tmp_path / "access.yaml"
    file.write_text("way: token\naddress: https://finops.example\ntoken: {token_file: secret}")
    ways = identity.read(file)
    own = identity.config(ways)["Shared"]
    assert own["secure_cookie"] is True
    assert own["cookie_name"] == "__Host-finops-login"
    assert ways.hosts == ("finops.example",)
    file.write_text("way: token\naddress: https://finops.example/kit\ntoken: {token_file: secret}")
    ways = identity.read(file)
    assert ways.base == "/kit/"
    assert identity.config(ways)["Shared"]["cookie_name"].startswith("__Secure-")


def test_wrong_passwords_are_counted(with_token):
    """Last, since this address is then shut out for a minute."""
    found = [login(with_token, f"guess{n}").status for n in range(identity.TRIES + 2)]
    assert found[0] == 401
    assert found[-1] == 429
    assert login(with_token, making.PROXY).status == 429, "the right one too"
