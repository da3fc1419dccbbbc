"""Which names hold secrets, and which values are not secrets whatever their name."""

import re
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache

Replace = Callable[[str, str], str]  # takes a kind and a secret of that kind, and returns the replacement


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Strength(IntEnum):
    """How much a name says about its value.

    WEAK (``KEY``, ``SESSION``): only a value that looks random is a secret. STRONG (``API_KEY``, ``TOKEN``): every value
    but booleans, small numbers and paths. PASSWORD: numbers of four digits or more are secrets as well. CODE: also numbers of three.
    """

    NONE = 0
    WEAK = 1
    STRONG = 2
    PASSWORD = 3
    CODE = 4


_PASSWORD = words_of(
    """
    PASSWORD PASSWORDS PASSWD PASSPHRASE PASSCODE PSWD PSW SKEY PWD PW PWORD SSN PIN OTP TOTP PSK MNEMONIC
    PASSWORT KENNWORT MOTDEPASSE CONTRASENA SENHA WACHTWOORD LOSENORD ADGANGSKODE SALASANA HASLO HESLO JELSZO PAROLA
    ПАРОЛЬ 密码 密碼 パスワード 비밀번호
    """
)
_CODES = words_of("CVV CVC CSC CVN")
_STRONG = words_of(
    """
    SECRET SECRETS TOKEN TOKENS CREDENTIAL CREDENTIALS CREDS APIKEY APIKEYS WEBHOOK WEBHOOKS BEARER HMAC CONNSTR
    """
)
_WEAK = words_of(
    """
    KEY KEYS PASS AUTH OAUTH AUTHORIZATION AUTHN COOKIE COOKIES SIGNATURE SIG SAS DSN PAT SALT PEPPER SESSION
    SESSID CSRF XSRF CSRFTOKEN SID JWT NONCE SEED LICENSE LICENCE
    """
)
# Words before KEY that make it a secret.
_KEY_KINDS = words_of(
    """
    API SERIAL PRODUCT ACCESS SECRET PRIVATE PRIV ACCOUNT ENCRYPTION ENC CRYPT SIGNING SIGN MASTER LICENSE LICENCE SHARED STORAGE
    SERVICE DEPLOY SSH AUTH CLIENT APP ADMIN ROOT SESSION HOST SUBSCRIPTION FUNCTION CONSUMER INTEGRATION WRITE
    STRIPE OPENAI ANTHROPIC SENDGRID MAILGUN DATADOG ALGOLIA TWILIO AES RSA HMAC JWT COOKIE TLS SSL
    """
)
# Words that make PASS something other than a password; PASS alone may be a test result.
_PASSES = words_of(
    "LOW HIGH BAND ALL FIRST SECOND LAST NEXT ONE TWO MULTI SINGLE RENDER FORWARD BACKWARD DEPTH SHADOW TEST BOARDING"
)
_CODE_KINDS = words_of(
    """
    RECOVERY BACKUP ACCESS VERIFICATION AUTH LOGIN SECURITY MFA OTP TIME INVITE ACTIVATION PAIRING DEVICE RESET
    PIN FA SMS
    """
)
_PHRASES = {
    ("DE", "PASSE"): Strength.PASSWORD,
    ("CONNECTION", "STRING"): Strength.STRONG,
    ("CONNECTION", "STRINGS"): Strength.STRONG,
    ("CONN", "STR"): Strength.STRONG,
    ("BASIC", "AUTH"): Strength.STRONG,
    ("AUTH", "IDENT"): Strength.STRONG,
    ("PASS", "WORD"): Strength.PASSWORD,
    ("CARD", "NUMBER"): Strength.PASSWORD,
    ("SECURITY", "CODE"): Strength.CODE,
    ("CODE", "VERIFIER"): Strength.STRONG,
    ("SAML", "RESPONSE"): Strength.STRONG,
    ("SECURITY", "NUMBER"): Strength.PASSWORD,
    ("PASS", "PHRASE"): Strength.PASSWORD,
    ("SEED", "PHRASE"): Strength.PASSWORD,
    ("SEED", "WORDS"): Strength.PASSWORD,
}
# Long words that people also write without a separator, as in PGPASSWORD, authtoken.
_ENDINGS = tuple(
    words_of(
        """
    PASSWORD PASSWD PASSPHRASE SECRET TOKEN APIKEY ACCESSKEY SECRETKEY PRIVATEKEY SIGNINGKEY ENCRYPTIONKEY
    ACCOUNTKEY MASTERKEY LICENSEKEY AUTHKEY SHAREDKEY CREDENTIAL CREDENTIALS CONNECTIONSTRING CONNECTIONSTRINGS
    """
    )
)
_FUSED_PASS = re.compile(
    r"(?:SRC|DEST|NEW|OLD|ENC)?(?:DB|USER|BIND|SSH|MYSQL|PG|FTP|SMTP|MAIL|ROOT|ADMIN|KEY|STORE|LDAP|REDIS|MONGO|RABBIT|MQ|HTTP|PROXY|SUDO|WIFI|AUTH|REQUIRE|MY|SQL|API)"
    r"(?:PASS|PWD|PW)|PHPSESSID|JSESSIONID|SESSIONID|SESSIONKEY|MASTERAUTH"
)
# Words before KEY that make it the key of a table or a cache.
_PLAIN_KEYS = words_of(
    "CACHE RESTORE PRIMARY FOREIGN SORT PARTITION ROUTING GROUP MAP DICT STATE DUPLICATE HOT ARROW LOOKUP IDEMPOTENCY QUERY ROW REACT"
)
# Last words of names whose value describes the secret and is not the secret.
_ABOUT = words_of(
    """
    TTL LIMIT LIMITS MAX MIN COUNT COUNTS SIZE LENGTH LEN EXPIRY EXPIRES EXPIRE EXPIRATION EXPIRED EXP LIFETIME
    TIMEOUT INTERVAL TYPE TYPES KIND MODE NAME NAMES FILE FILES FILENAME PATH PATHS DIR DIRS DIRECTORY FOLDER
    LOCATION URL URI HOST PORT ENDPOINT ENABLED ENABLE DISABLED DISABLE REQUIRED REQUIRE ALGORITHM ALG ALGO POLICY
    PROVIDER METHOD METHODS SCHEME HEADER PREFIX SUFFIX FORMAT VERSION DOMAIN ISSUER ISS AUDIENCE AUD SCOPE SCOPES
    ROTATION AGE BACKEND STORE SOCK SOCKET LAYOUT USER USERNAME EMAIL LEVEL LOG STATUS STATE STRENGTH ROUNDS BITS
    CLASS BUS ADDRESS MANAGER DESKTOP SAMESITE SECURE HTTPONLY HINT RESET ERROR ERRORS MESSAGE MISSING INVALID
    RATE RATES VALID PLACEHOLDER LABEL DESCRIPTION TITLE INDEX ORDER COLUMN FIELD USED USAGE REMAINING TOTAL BUDGET PER
    PUBLIC FINGERPRINT ACTIVE REFRESHED PY JS TS TSX JSX MJS CJS GO RS JAVA KT CS CPP C H RB PHP JSON TOML YAML
    YML TXT MD HTML CSS VUE SO DLL EXE PYC HELPER HELPERS HASHER HASHERS ENV VAR CHANGED CHANGE AT DATE COLOR COLOUR ENCRYPTION
    AUTHENTICATION MATCHES ATTEMPTS PARAM BINDING SPACE
    """
)
# Names nested under a secret name: of the secret itself, and of what only describes it.
_CONTENT = words_of("VALUE DATA CONTENT PLAIN PLAINTEXT TEXT CURRENT")
_DESCRIBING = words_of(
    "SOURCE REGION NAMESPACE ENGINE PATTERN REASON DETAIL DETAILS CODE MSG NOTE COMMENT FROM BY EXTERNAL RESOLVED INTEGRITY"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_a-zA-Z]+")
_MAX_NAME = 200


def looks_secret(name: str) -> bool:
    return strength(name) is not Strength.NONE


@lru_cache(maxsize=4096)
def strength(name: str) -> Strength:
    """How secret the value of a variable, setting, flag or field of that name is, judged by the whole words of the name."""
    if len(name) > _MAX_NAME:
        name = name[-_MAX_NAME:]
    words = _words(name)
    while len(words) > 1 and words[-1] in {"V", "OLD", "NEW"}:
        words.pop()
    if not words or _is_about(words):
        return Strength.NONE
    if words == ["PWD"]:  # a shell's working folder, or the password of a connection
        return Strength.STRONG
    found = max(map(_of_word, words))
    if words[-1] in {"ID", "IDS"}:  # the id of a language model's token, or of a secret in Vault
        return min(found, Strength.WEAK)
    if "PASS" in words and len(words) > 1 and not _PASSES & set(words):
        found = Strength.PASSWORD
    return max([found, *map(_of_pair, words, words[1:])])


def nested_strength(name: str, outer: str, level: Strength) -> Strength:
    """How secret the value of ``name`` is, nested under the name ``outer`` of that level."""
    words = _words(name)
    if not words or _is_about(words) or words[-1] in _DESCRIBING:
        return Strength.NONE
    if words[-1] in _CONTENT:
        return level
    return Strength.STRONG if _words(outer)[-1:] == ["SECRETS"] else Strength.WEAK


def _words(name: str) -> list[str]:
    return [word.upper() for word in _WORD.findall(name if name.isascii() else _without_accents(name))]


def _without_accents(name: str) -> str:
    from unicodedata import normalize

    return "".join(letter if letter > "ɏ" else normalize("NFKD", letter)[0] for letter in normalize("NFC", name))


def flag_strength(flag: str) -> Strength:
    """Like ``strength``, for a flag: --pass is not a test result."""
    return Strength.PASSWORD if flag.lstrip("-/").lower() in {"pass", "pw"} else strength(flag)


def _of_pair(first: str, second: str) -> Strength:
    if (first, second) in _PHRASES:
        return _PHRASES[first, second]
    if second in {"KEY", "KEYS"} and first in _KEY_KINDS:
        return Strength.STRONG
    if second in {"CODE", "CODES"} and first in _CODE_KINDS:
        return Strength.PASSWORD
    return Strength.NONE


def _is_about(words: list[str]) -> bool:
    last = words[-1]
    if last in _ABOUT:
        return not (last in {"URL", "URI"} and words[-2:-1] == ["WEBHOOK"])
    if last in {"ID", "IDS"}:  # the id of a session is a secret, the id of a key is not
        return not {"SESSION", "SECRET", "TOKEN"} & set(words)
    if last in {"KEY", "KEYS"} and words[-2:-1] and words[-2] in _PLAIN_KEYS:
        return True
    return (
        "PUBLIC" in words
        or "PUBLISHABLE" in words
        or words[:2] in (["X", "AUTHORITY"], ["SSH", "AUTH"], ["SEC", "WEB"])
    )


def _of_word(word: str) -> Strength:
    if word in _CODES:
        return Strength.CODE
    if word in _PASSWORD or (word.endswith(("PASSWORD", "PASSWD", "PASSPHRASE")) or _FUSED_PASS.fullmatch(word)):
        return Strength.PASSWORD
    if word in _STRONG or word.endswith(_ENDINGS):
        return Strength.STRONG
    return Strength.WEAK if word in _WEAK else Strength.NONE


_MARKS = re.compile(  # instead of a value: masks, placeholders, references
    r"\*+|\$\{\{|[-?]\}?|id=[\w.-]{1,60}(?:,\w{1,20}=[\w./-]{1,80}){0,4}|ENC\[[^\]\n]{0,250}\]?|(?i:your|my|the)[-_ ][a-z_ -]{0,30}(?i:here|key|token|password|secret)"
    r"|[xX]{3,}|\.{3,}|•+|<[^<>]{0,60}>|\[[A-Za-z _-]{0,40}\]|\([A-Za-z _-]{0,40}\)|\$\(?\{?[\w.]{1,60}[})]?\)?|%\w{1,60}%"
    r"|(?:os\.environ|process\.env|import\.meta\.env|\$_(?:ENV|SERVER|POST|GET)|ENV|(?:st\.)?secrets|config|settings)(?:\[[\"']?[\w.:-]{1,60}[\"']?\]?|\.[A-Za-z_]\w{0,60})[,;]?"
    r"|\{{1,2}[\w .:|-]{0,60}\}{1,2}|#\{[^{}]{0,60}\}|\*{3}@?|%[sdvqr]|[\^~]\d{1,4}(?:\.\d{1,4}){0,3}(?:-[a-z][\w.]{1,20})?"
)
_NO_SECRETS = words_of(
    """
    true false yes no on off null none nil undefined nan enabled disabled auto default unset empty n/a na correct
    include omit same-origin await async new lambda function inherit
    """
)
_NUMBER = re.compile(
    r"[+-]?\d{1,5}(?:\.\d{1,6})?\s?(?:%|ns|us|µs|ms|s|sec|m|min|h|d|days?|px|b|kb|mb|gb|kib|mib|gib|bytes|k?hz|[mg]hz|fps|db|k)?"
    r"|v?\d{1,4}(?:\.\d{1,4}){1,3}(?:-[a-z][\w.]{1,20})?",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?:/|\.{1,2}/|~/|[A-Za-z]:\\{1,2}|[A-Za-z]:/|%\w{1,30}%\\|\$\w{1,30}/)(?:[\w .@-]{1,32}(?:[/\\]{1,4}|$)){0,12}"
)
_PART = r"(?:[A-Za-z]{1,14}|[A-Za-z]{0,6}\d{1,5}|v\d{1,3}|\d{1,5}[A-Za-z]{1,3})"
# Words and their separators: a file, a channel, an address, a list of fields. At least two parts must be words.
_WORDS = re.compile(
    rf"[a-z]{{1,14}}|(?:[a-z]{{0,14}}|[A-Z]{{2,3}})(?:[A-Z][a-z]{{2,13}}){{1,4}}(?:[A-Z][a-z])?|[A-Z][a-z]{{1,13}}|[A-Z]{{1,14}}|{_PART}(?:[-_.:/,# ]{{1,2}}{_PART}){{1,8}}"
)
_ALGORITHMS = re.compile(
    r"(?:[RHEP]S|A)(?:256|384|512)|oauth[12]?(?:\.0)?|(?:hmac-?)?sha-?\d{1,3}(?:-\d{1,3})?|md5|ed25519|x25519|argon2\w{0,2}|aes-?\d{3}(?:-\w{3})?"
    r"|rsa-?\d{0,4}|http/?\d?|utf-?8|base64|F\d{1,2}|(?:(?:ctrl|cmd|alt|shift|meta|super|option|cmdorctrl|command)\+){1,4}\w{1,12}|amd64|i\d86|x86(?:[_-]64)?|arm64|armhf|riscv64|[a-z]{1,5}\d",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"[A-Za-z_][\w.]{0,60}(?:\((?:[\w\s.,=*&:<>\[\]{}/-]|\(\)){0,60}\)?|\([\"'][A-Za-z_.-]{0,40}[\"']?\)?|\[[^\[\]\"']{0,30}\])"
)  # token = self[0]; token = read(x)
_MAX_HARMLESS = 300
_URL = re.compile(r"[a-z][a-z+.-]{1,14}://(?:\*{3}@)?[\w.\[\]:-]{1,120}(?:/[\w./-]{0,120})?", re.IGNORECASE)
_RANDOM = re.compile(r"(?=[^0-9]*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{12,}")


def is_harmless(value: str, name_strength: Strength) -> bool:
    """Whether a value cannot be a secret although its name says so: a boolean, a port, a placeholder, a short word."""
    value = value.strip()
    if not value or value.lower() in _NO_SECRETS or _MARKS.fullmatch(value):
        return True
    if len(value) > _MAX_HARMLESS:
        return False
    path = _PATH.fullmatch(value) is not None and not any(map(_is_random, re.split(r"[/\\]", value)))
    if name_strength >= Strength.PASSWORD:
        return (
            ("(" in value and _CODE.fullmatch(value) is not None)
            or (path and value.count("/") + value.count("\\") > 1)
            or (value.isdigit() and len(value) < (4 if name_strength is Strength.PASSWORD else 3))
        )
    if path or _NUMBER.fullmatch(value) or _CODE.fullmatch(value):
        return True
    return name_strength is Strength.WEAK and _is_weakly_harmless(value)


def _is_weakly_harmless(value: str) -> bool:
    if _URL.fullmatch(value):
        return "***" not in value and not any(map(_is_random, re.split(r"[/.:]", value)))
    is_name = value.isalpha() and strength(value) >= Strength.STRONG  # key="DbPassword" value="x"
    return len(value) < 4 or is_name or is_plain(value) or (value.isdigit() and len(value) <= 20)


def is_plain(value: str) -> bool:
    """Whether a text consists of words and small numbers, with nothing random in it."""
    return _WORDS.fullmatch(value) is not None or _ALGORITHMS.fullmatch(value) is not None


def is_random(value: str) -> bool:
    """Whether a value mixes letters and digits, unlike a word or a port."""
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return mixed and "=" not in value and not value.endswith(":") and not is_harmless(value, Strength.WEAK)


def _is_random(part: str) -> bool:
    return _RANDOM.fullmatch(part) is not None


# Names that parsers and sentences also use as words: "token: identifier", <token>identifier</token>.
_BARE = frozenset({"token", "tokens", "bearer", "webhook"})
# Words that follow "password:" in a sentence.
_PROSE = words_of(
    """
    a about absent accepted after all already and any are argument array as at be been before bool boolean but by
    bytes cannot can changed check contains could created denied deleted did differ do does done eof error
    errors exceeded expired expires expiring failed failure field flag for found from function got given had has
    have header if ignored in incorrect int integer invalid is issued it its keyword last length list loaded long
    malformed match matches may method mismatch missing more must name needed new no not now number object of ok
    okay old on only option optional or out parameter parsing present projected prompt provided punctuation read received
    refresh refreshed refused rejected removed renewed required reset revoked rotated s saved secretbytes secretstr sent set short
    should skip skipped so some str string stored succeeded success successful symbol than that the this to too try
    type unauthorized unauthorised unchanged undefined unexpected unknown until update updated used user using
    valid validated value verification verified verify via was were when which will with without wrong you your
    """
)


def is_bare(name: str, value: str) -> bool:
    """Whether a value is what a parser or a language model calls a token: a word."""
    return name.lower() in _BARE and len(value) <= 12 and value.strip().isalpha()


def is_metavar(flag: str, value: str) -> bool:
    """Whether the value is the placeholder that a usage message shows after a flag: ``[--api-key API_KEY]``."""
    return flag[0] == "-" and value.rstrip("])") == flag.strip("-").replace("-", "_").upper()


def is_sentence(value: str) -> bool:
    """Whether a value of several words says something about the secret: ``password: [must have 8 characters]``."""
    return any(map(is_prose, value.split()))


def is_prose(word: str) -> bool:
    """Whether a word after ``password:`` or ``--password`` only continues the sentence."""
    return word.rstrip(".,;:!?)").lower() in _PROSE
