"""Secrets as people leave them in logs, variables and commands, and similar texts without a secret.

The tokens are generated, not written down, so that no scanner of this repository takes one for real. Each line of a list of shapes
is one secret, ``{s}`` where it stands; every shape is tried with its own drawn secret.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

_LETTERS = string.ascii_letters + string.digits


class Planted(NamedTuple):
    """A text and the secret in it."""

    text: str
    secret: str


def _draw(seed: str, alphabet: str, length: int) -> str:
    """The same characters for the same seed; at least one digit where the alphabet has any."""
    source = random.Random(seed)
    drawn = [source.choice(alphabet) for _ in range(length)]
    if any(character.isdigit() for character in alphabet):
        drawn[length // 2] = source.choice(string.digits)
    return "".join(drawn)


def alnum(seed: str, length: int) -> str:
    return _draw(seed, _LETTERS, length)


def lower(seed: str, length: int) -> str:
    return _draw(seed, string.ascii_lowercase + string.digits, length)


def upper(seed: str, length: int) -> str:
    return _draw(seed, string.ascii_uppercase + "234567", length)


def hexed(seed: str, length: int) -> str:
    return _draw(seed, "0123456789abcdef", length)


def url_safe(seed: str, length: int) -> str:
    return _draw(seed, _LETTERS + "-_", length - 1) + "x"


def b64(seed: str, length: int) -> str:
    return base64.b64encode(_draw(seed, _LETTERS, length).encode()).decode()


# Tokens that give themselves away, in a text that does not say what they are.
TOKENS: dict[str, Callable[[str], str]] = {
    "ghp": lambda s: "ghp_" + alnum(s, 36),
    "gho": lambda s: "gho_" + alnum(s, 36),
    "ghs": lambda s: "ghs_" + alnum(s, 36),
    "github_pat": lambda s: "github_pat_" + alnum(s, 22) + "_" + alnum(s + "b", 59),
    "glpat": lambda s: "glpat-" + url_safe(s, 20),
    "gldt": lambda s: "gldt-" + url_safe(s, 20),
    "glrt": lambda s: "glrt-" + url_safe(s, 20),
    "gitlab runner": lambda s: "GR1348941" + url_safe(s, 20),
    "npm": lambda s: "npm_" + alnum(s, 36),
    "pypi": lambda s: "pypi-AgEIcHlwaS5vcmc" + url_safe(s, 120),
    "rubygems": lambda s: "rubygems_" + hexed(s, 48),
    "docker": lambda s: "dckr_pat_" + url_safe(s, 27),
    "huggingface": lambda s: "hf_" + alnum(s, 34),
    "openai": lambda s: "sk-" + alnum(s, 48),
    "openai project": lambda s: "sk-proj-" + url_safe(s, 100),
    "anthropic": lambda s: "sk-ant-api03-" + url_safe(s, 93) + "AA",
    "groq": lambda s: "gsk_" + alnum(s, 52),
    "replicate": lambda s: "r8_" + alnum(s, 37),
    "perplexity": lambda s: "pplx-" + alnum(s, 48),
    "xai": lambda s: "xai-" + alnum(s, 80),
    "nvidia": lambda s: "nvapi-" + url_safe(s, 64),
    "google api": lambda s: "AIza" + url_safe(s, 35),
    "google oauth": lambda s: "ya29." + url_safe(s, 120),
    "google secret": lambda s: "GOCSPX-" + url_safe(s, 28),
    "google refresh": lambda s: "1//0" + url_safe(s, 60),
    "firebase": lambda s: url_safe(s, 11) + ":APA91b" + url_safe(s + "x", 130),
    "aws key": lambda s: "AKIA" + upper(s, 16),
    "aws temporary": lambda s: "ASIA" + upper(s, 16),
    "azure secret": lambda s: "a" + alnum(s, 2) + "8Q~" + url_safe(s, 34),
    "azure devops": lambda s: alnum(s, 76) + "AZDO" + alnum(s + "x", 4),
    "digitalocean": lambda s: "dop_v1_" + hexed(s, 64),
    "databricks": lambda s: "dapi" + hexed(s, 32),
    "vault": lambda s: "hvs." + url_safe(s, 95),
    "vault old": lambda s: "s." + alnum(s, 24),
    "slack bot": lambda s: f"xoxb-{_draw(s, string.digits, 12)}-{_draw(s + 'x', string.digits, 12)}-{alnum(s, 24)}",
    "slack app": lambda s: f"xapp-1-A{upper(s, 10)}-{_draw(s, string.digits, 13)}-{hexed(s, 64)}",
    "telegram": lambda s: _draw(s, string.digits, 10) + ":AA" + url_safe(s, 33),
    "discord": lambda s: "M" + alnum(s, 23) + "." + alnum(s + "x", 6) + "." + url_safe(s, 38),
    "twilio": lambda s: "SK" + hexed(s, 32),
    "sendgrid": lambda s: "SG." + url_safe(s, 22) + "." + url_safe(s + "x", 43),
    "mailgun": lambda s: "key-" + hexed(s, 32),
    "mailchimp": lambda s: hexed(s, 32) + "-us14",
    "brevo": lambda s: "xkeysib-" + hexed(s, 64) + "-" + alnum(s, 16),
    "stripe": lambda s: "sk_live_" + alnum(s, 24),
    "stripe restricted": lambda s: "rk_test_" + alnum(s, 24),
    "stripe webhook": lambda s: "whsec_" + alnum(s, 32),
    "shopify": lambda s: "shpat_" + hexed(s, 32),
    "square": lambda s: "sq0atp-" + url_safe(s, 22),
    "square secret": lambda s: "sq0csp-" + url_safe(s, 43),
    "linear": lambda s: "lin_api_" + alnum(s, 40),
    "notion": lambda s: "ntn_" + alnum(s, 46),
    "figma": lambda s: "figd_" + url_safe(s, 40),
    "airtable": lambda s: "pat" + alnum(s, 14) + "." + hexed(s, 64),
    "hubspot": lambda s: f"pat-na1-{hexed(s, 8)}-{hexed(s + 'a', 4)}-{hexed(s + 'b', 4)}-{hexed(s + 'c', 4)}-{hexed(s + 'd', 12)}",
    "grafana": lambda s: "glsa_" + alnum(s, 32) + "_" + hexed(s, 8),
    "grafana cloud": lambda s: "glc_" + alnum(s, 60),
    "sentry": lambda s: "sntrys_" + alnum(s, 120),
    "new relic": lambda s: "NRAK-" + upper(s, 27),
    "dynatrace": lambda s: "dt0c01." + upper(s, 24) + "." + upper(s + "x", 64),
    "doppler": lambda s: "dp.pt." + alnum(s, 43),
    "atlassian": lambda s: "ATATT3xFfGF0" + url_safe(s, 180),
    "bitbucket": lambda s: "ATBB" + alnum(s, 32),
    "terraform": lambda s: alnum(s, 14) + ".atlasv1." + url_safe(s, 67),
    "pulumi": lambda s: "pul-" + hexed(s, 40),
    "postman": lambda s: "PMAK-" + hexed(s, 24) + "-" + hexed(s + "x", 34),
    "planetscale": lambda s: "pscale_tkn_" + url_safe(s, 43),
    "supabase": lambda s: "sbp_" + hexed(s, 40),
    "tailscale": lambda s: "tskey-auth-" + alnum(s, 17) + "-" + alnum(s + "x", 32),
    "age": lambda s: "AGE-SECRET-KEY-1" + _draw(s, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "jwt": lambda s: f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{alnum(s, 30)}.{url_safe(s, 43)}",
    "bcrypt": lambda s: "$2b$12$" + alnum(s, 53),
    "1password": lambda s: "ops_eyJ" + alnum(s, 260),
    "nuget": lambda s: "oy2" + lower(s, 43),
    "sonar": lambda s: "sqp_" + hexed(s, 40),
    "facebook": lambda s: "EAACEdEose0c" + alnum(s, 120),
    "dropbox": lambda s: "sl." + url_safe(s, 135),
    "octopus": lambda s: "API-" + upper(s, 26),
    "flyio": lambda s: "fm2_" + alnum(s, 160),
    "contentful": lambda s: "CFPAT-" + url_safe(s, 43),
    "pinecone": lambda s: "pcsk_" + alnum(s, 60),
}  # fmt: skip

# Shapes: ``{s}`` is a secret without a recognisable format.
SHAPES = r"""
DB_PASSWORD={s}
redirect=https%253A%252F%252Fanna%253A{s}%2540host%252F
export SMTP_PASS={s}
set MAIL_PWD={s}
$env:GITHUB_PAT = "{s}"
ADMIN_PIN={n}
OTP: {n}
SESSION={s}
PASSWORD_SALT={s}
JWT={s}
SLACK_WEBHOOK=https://hooks.slack.com/services/T0/B0/{s}
PGPASSWORD={s} psql -h db
aws_secret_access_key = {s}
client_secret: {s}
  password: {s}
- password: "{s}"
password: '{s}'
{{"password": "{s}"}}
{{"user":"anna","pass":"{s}","port":5432}}
{{"api_key":"{s}"}}
{{"apiKey": "{s}", "a": 1}}
{{"credentials": {{"username": "anna", "password": "{s}"}}}}
{{"message": "{{\"password\":\"{s}\",\"x\":1}}"}}
{{"log": "{{\"m\":\"{{\\\"secret\\\":\\\"{s}\\\"}}\"}}"}}
{{"authorization": "Bearer {s}"}}
{{'Authorization': 'Basic {s}'}}
rawHeaders: [ 'Authorization', 'Bearer {s}' ]
headers=[(b'authorization', b'Bearer {s}')]
Authorization: Bearer {s}
authorization: token {s}
Authorization: ApiKey {s}
Authorization: Digest username="anna", realm="x", response="{s}"
Authorization: AWS4-HMAC-SHA256 Credential=x/y, SignedHeaders=host, Signature={s}
Authorization: {s}
> Proxy-Authorization: Basic {s}
X-Api-Key: {s}
x-auth-token: {s}
X-Amz-Security-Token: {s}
X-Vault-Token: {s}
PRIVATE-TOKEN: {s}
Cookie: theme=dark; sid={s}
Cookie: a=b; c=d; session={s}; lang=en
Set-Cookie: session={s}; Path=/; HttpOnly
{{"cookie":"a=1; session={s}"}}
"set-cookie": ["sid={s}; Path=/"]
postgres://anna:{s}@db.example.com:5432/app
postgresql+asyncpg://anna:{s}@localhost/app
mongodb+srv://anna:{s}@cluster0.example.net/?retryWrites=true
redis://:{s}@127.0.0.1:6379/0
amqp://guest:{s}@rabbit:5672//
https://{s}@example.com/repo.git
https://anna:a/{s}@example.com/x
https://oauth2:{s}@gitlab.example.com/x.git
{{"url":"https:\/\/anna:{s}@example.com"}}
jdbc:mysql://db/app?user=anna&password={s}
GET /callback?code={s}&state=1 302
GET /download?file=a.txt&sig={s} 200
https://x.blob.core.windows.net/c?sv=2022-11-02&se=2026&sr=b&sig={s}
https://example.com/reset?token={s}
GET /api?api_key={s}&q=1
GET /x?access_token={s} HTTP/1.1
https://bucket.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={s}
https://chat.googleapis.com/v1/spaces/A/messages?key=k1&token={s}
https://discord.com/api/webhooks/123456789012345678/{s}
POST /login user%5Bpassword%5D={s}&commit=1
username=anna&password={s}&remember=1
Server=db;Database=app;User Id=sa;Password={s};Encrypt=true
Server=db;Uid=sa;Pwd={s};
DefaultEndpointsProtocol=https;AccountName=x;AccountKey={s};EndpointSuffix=core.windows.net
Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={s}
ConnectionStrings__Default=Server=db;Password={s}
app --password {s} --port 5
app --password={s}
app --api-key "{s}" run
app -Djavax.net.ssl.keyStorePassword={s} -jar x.jar
mysql -u root -p{s} app
mysqldump -h db -uroot -p'{s}' app > x.sql
sshpass -p {s} ssh anna@host
curl -u anna:{s} https://example.com
curl --user anna:{s} https://example.com
curl -s -H "Authorization: Bearer {s}" https://example.com
curl -H 'X-Api-Key: {s}' https://example.com
redis-cli -h cache -a {s} ping
docker login -u anna -p {s} registry.example.com
openssl rsa -in key.pem -passin pass:{s}
7z x -p{s} a.7z
wget --user=anna --password={s} https://example.com
machine example.com login anna password {s}
db.example.com:5432:app:anna:{s}
*:*:*:postgres:{s}
//registry.npmjs.org/:_authToken={s}
<password>{s}</password>
<db:Password type="text">{s}</db:Password>
<password><![CDATA[{s}]]></password>
<add key="ApiKey" value="{s}" />
<user name="anna" password="{s}"/>
<add name="Default" connectionString="Server=x;Password={s}" />
{{"name": "DB_PASSWORD", "value": "{s}"}}
'password' => '{s}',
:api_key=>"{s}"
[password] => {s}
{{:password "{s}"}}
Config {{ user: "anna", password: "{s}" }}
Config {{ token: Some("{s}") }}
map[password:{s} user:anna]
&{{Host:db Password:{s} Port:5}}
User(name='anna', password='{s}')
login with password '{s}' failed
the password is {s}
secret: "{s}"
password = "{s}"
password := "{s}"
SECRET_KEY_BASE={s}
DJANGO_SECRET_KEY='{s}'
spring.datasource.password={s}
Jwt__Secret={s}
"ClientSecret": "{s}"
encryption_key={s}
private_key: {s}
refresh_token={s}
csrf_token: "{s}"
csrf={s}
token: !!str {s}
vault login {s}
bearer {s}
CREATE USER anna WITH PASSWORD '{s}';
CREATE USER 'anna'@'%' IDENTIFIED BY '{s}';
setPassword("{s}")
requirepass {s}
ENV API_TOKEN {s}
setx API_KEY {s}
&quot;password&quot;:&quot;{s}&quot;
%22password%22%3A%22{s}%22
{{"args": ["--password", "{s}"]}}
\e[32mpassword\e[0m=\e[33m{s}\e[0m
[32mpassword[0m=[33m{s}[0m
2026-01-01T00:00:00Z INFO connecting password={s} host=db
level=info msg="got token" token={s}
npm_config__auth={s}
SENTRY_DSN=https://{s}@o1.ingest.sentry.io/2
Content-Disposition: form-data; name="password"\r\n\r\n{s}\r\n--x
the password for anna is {s}
password of user bob is {s}
Your one-time code is {n}
encryption key (hex): {s}
API key (production): {s}
master key [base64]: {s}
mot de passe : {s}
<password><![CDATA[a<b>{s}<c]]></password>
INSERT INTO users (name, password) VALUES ('anna', '{s}')
INSERT OR REPLACE INTO a (id, "api_key", n) VALUES (1, N'{s}', now()), (2, 'x', 3)
INSERT INTO a (n, token) VALUES ('it''s', NULL), ('(', '{s}')
SAMLResponse={s}
ENV['SECRET_KEY_BASE'] ||= '{s}'
login("anna", "{s}") failed: password={s}
<add key="DbPassword" value="{s}" />
│ password    │ {s} │
| DB_PASSWORD | `{s}` |
"""
MULTILINE = (
    "-----BEGIN RSA PRIVATE KEY-----\n{s}\n{s}\n-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n{s}\n-----END OPENSSH PRIVATE KEY-----",
    'key = "-----BEGIN PRIVATE KEY-----\\n{s}\\n-----END PRIVATE KEY-----\\n"',
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{s}\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN AGE ENCRYPTED FILE-----\n{s}\n-----END AGE ENCRYPTED FILE-----",
    "-----BEGIN EC PRIVATE KEY-----\n{s}\n{s}",
    "{s}{s}\n{s}\n-----END PRIVATE KEY-----\n",
    "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n{s}\nPrivate-MAC: x",
    '{{"kty":"RSA","n":"abc","e":"AQAB","d":"{s}"}}',
    "password: |\n  {s}\nport: 5",
    "env:\n  - name: DB_PASSWORD\n    value: {s}\n",
    '{{"value": "{s}", "name": "DB_PASSWORD"}}',
    "env:\n  - value: {s}\n    name: DB_PASSWORD\n",
    "? password\n: {s}\n",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0\n    .{s}\n",
    "machine example.com\n  login anna\n  password {s}\n",
    "db_password\n  Input should be a valid integer [type=int_parsing, input_value='{s}', input_type=str]",
    '"data": {{\n  "password":\n    "{s}"\n}}',
    "-----BEGIN%20RSA%20PRIVATE%20KEY-----%0A{s}%0A{s}%0A-----END%20RSA%20PRIVATE%20KEY-----",
    '\x1b[34;1m"password"\x1b[0m\x1b[1;39m:\x1b[0m \x1b[0;32m"{s}"\x1b[0m',  # as jq and others colour JSON
    "[SQL: INSERT INTO u (n, password) VALUES (?, ?) RETURNING id]\n[parameters: ('anna', '{s}')]",
)
# What a person chose: no form, signs of every kind.
CHOSEN = (
    "hunter2", "p@ssw0rd!", "correct-horse-battery", "S3cr3t&More", "tr0ub4dor;x", "a,b,c,d9", "pa$$w0rd", "Winter2026!",
    "x{y}z1(2)", "q/w+e=rt5", "#hash9tag", "100%sure9", "semi;colon9", "pipe|d0wn", "it~is^9", "üml4ut-pass",
)  # fmt: skip
CHOSEN_SHAPES = (
    "DB_PASSWORD={s}",
    "export ADMIN_PASSWORD='{s}'",
    '{{"password": "{s}"}}',
    "password: {s}",
    "connecting with password={s}",
    "--password {s}",
    "Password={s};Port=5" ,
)  # fmt: skip


def planted() -> Iterator[Planted]:
    """All of them."""
    for name, make in TOKENS.items():
        token = make(name)
        yield Planted(f"refused {token} by the server", token)
        yield Planted(json.dumps({"x": f"got {token}"}), token)
    for shape in filter(None, map(str.strip, SHAPES.splitlines())):
        for number, secret in enumerate((alnum(shape, 20), hexed(shape, 40))):
            planted_secret = _draw(shape, string.digits, 6 + number) if "{n}" in shape else secret
            text = shape.replace("\\r\\n", "\r\n").replace("\\e", "\x1b")
            yield Planted(text.format(s=planted_secret, n=planted_secret), planted_secret)
    for shape in MULTILINE:
        secret = b64(shape, 45).rstrip("=")
        yield Planted(shape.format(s=secret), secret)
    for shape in CHOSEN_SHAPES:
        for secret in CHOSEN:
            if not (";" in secret and "Port" in shape):  # the sign that ends it there
                yield Planted(shape.format(s=secret), secret)


HARMLESS = tuple(
    line
    for line in r"""
http://127.0.0.1:8080
http://127.0.0.1:8080/a@b
GIT_AUTHOR_NAME=Anna
GIT_AUTHOR_EMAIL=anna@example.com
AUTH_ENABLED=true
MONKEY=banana
KEYBOARD_LAYOUT=de
TURKEY=istanbul
COMPASS_HEADING=north
BYPASS_CACHE=1
PATH=/usr/bin:/bin
PATTERN=[a-z]+
PATCH_LEVEL=3
PINNED=yes
SPINNER=dots
XDG_SESSION_ID=3
XDG_SESSION_TYPE=wayland
DESKTOP_SESSION=gnome
SESSION_MANAGER=local/host:@/tmp/.ICE-unix/1,unix/host:/tmp/.ICE-unix/1
DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus
SSH_AUTH_SOCK=/run/user/1000/keyring/ssh
XAUTHORITY=/home/anna/.Xauthority
PWD=/home/anna/project
OLDPWD=/home/anna
SECRET_NAME=db-credentials
KEY_FILE=/etc/ssl/private/server.key
PASSWORD_FILE=/run/secrets/db
GOOGLE_APPLICATION_CREDENTIALS=/home/anna/key.json
TOKEN_TTL=3600
TOKEN_URL=https://login.example.com/oauth/token
MAX_TOKENS=4096
PRIMARY_KEY=id
SORT_KEY=created_at
COOKIE_DOMAIN=example.com
COOKIE_SECURE=true
SESSION_TIMEOUT=30m
JWT_ALGORITHM=RS256
JWT_ISSUER=https://login.example.com
SALT_ROUNDS=10
PUBLIC_KEY=ssh-ed25519
AUTH_METHOD=oauth2
AUTHOR=Anna
PASSENGERS=4
SECRETARY=Bob
TOKENIZER=cl100k
TOKENIZERS_PARALLELISM=false
HOTKEY=ctrl+k
KEY=F5
used 512 tokens, 3 secrets
{"usage":{"prompt_tokens":120,"completion_tokens":44,"total_tokens":164}}
{"key": "name", "value": "Anna"}
{"auth": true, "session": null, "token": ""}
{"tokens": 512, "keys": 3}
Unexpected token: identifier
Unexpected token '<', "<!DOCTYPE "... is not valid JSON
SyntaxError: Unexpected token } in JSON at position 5
Password: required
Invalid password: too short
password must contain 8 characters
Enter the password to continue
token: expired
Token: missing
the token is expired
the password is required
secret not found: db
KeyError: 'user_id'
missing key 'user_id'
Unknown key "colour"
cache key: user:42:profile
sorting by key: name
use --token to authenticate
use the --password option
--port 8080 --host 127.0.0.1
app --key-file /etc/x.key --verbose
PASS: tests/unit/test_login
3 passed, 0 failed
pass: 5 fail: 0
src/token.py:33: in get_token
password.ts:12:5 - error TS2322
File "/app/secret.py", line 5, in load
at Object.getToken (/app/src/auth/token.js:10:5)
Listening on: http://127.0.0.1:5005
ssh://git@github.com/anna/app.git
git@github.com:anna/app.git
https://example.com/a?page=2&sort=name
https://example.com/docs#section
https://example.com/?code=404
exit code=137
ws://127.0.0.1:9229/550e8400-e29b-41d4-a716-446655440000
commit 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
integrity sha512-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYg==
request id 550e8400-e29b-41d4-a716-446655440000
Basic authentication is not supported
Bearer authentication required
WWW-Authenticate: Bearer realm="example"
Authorization: required
Cookie: missing
authorization failed: denied
2026-01-01T12:00:00.123Z INFO ready in 12:34:56
user anna logged in from 10.0.0.1
GET /api/keys 200 12ms
GET /static/token.js 200
Content-Type: application/json
ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"
key: value
keys: id, name
auth: basic
session: closed
signature: valid
Signature verified: ok
author: Anna Example
pin: 3
PIN_COUNT=4
<key>name</key>
<string name="app_name">Demo</string>
<password></password>
password=
password=***
password=${DB_PASSWORD}
password: <hidden>
password: null
token=undefined
PASSWORD_MIN_LENGTH=12
sk-learn-compatible-estimator
task-runner-1234 started
test_login_with_valid_password_succeeds
hf_transfer enabled
npm_config_user_agent=npm/10.2.4
npm_lifecycle_event=start
version 1.2.3-beta.4
C:\Users\anna\AppData\Roaming\app
ELECTRON_RUN_AS_NODE=1
LANG=de_DE.UTF-8
NODE_ENV=production
ASPNETCORE_URLS=http://127.0.0.1:5000
DOTNET_gcServer=0
SESSIONNAME=Console
LS_COLORS=rs=0:di=01;34:ln=01;36
passing 3 arguments
compass: north
OAuth2: enabled
keyboard: us
monkey: banana
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ anna@host
-----BEGIN CERTIFICATE-----
curl -s https://example.com/file -o out
mysql -u root -h db app
docker run -p 8080:80 nginx
docker run -p 8080:80 -e MODE=fast nginx
mkdir -p build/out
password = os.environ["DB_PASSWORD"]
token = process.env["API_TOKEN"];
password: process.env.DB_PASSWORD,
secret = Environment.GetEnvironmentVariable("SECRET");
usage: tool [-h] --api-key API_KEY [--secret SECRET] file
-p, --password PASSWORD   the password of the user
--token=TOKEN             access token
the password for anna is wrong
The one-time code is invalid
exit code is 482913
encryption key (hex) expected
Key (id)=(42a7c1) already exists.
INSERT INTO users (name, password) VALUES ($1, $2)
INSERT INTO users (name, password_hash) VALUES (?, ?), (%s, NULL)
INSERT INTO users (name, email) VALUES ('anna', 'a1@b.example')
auth.pass_rate=0.98765432
Wrong password: try again
ssh -p 2222 anna@host
cp -p a b
""".splitlines()
    if line
)
