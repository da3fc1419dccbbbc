"""Masks secrets that their place gives away: in XML, netrc, pgpass, sentences, URLs, and on command lines within a text."""

import re
from typing import NamedTuple

from .commands import PROGRAMS, secret_spans
from .names import Replace, Strength, flag_strength, is_bare, is_harmless, is_metavar, is_plain, is_prose, strength
from .tokens import compiled


class _Form(NamedTuple):
    """A notation: literals (a match has one of them), the secret's minimum length, a pattern with group ``secret`` and perhaps ``name``."""

    kind: str
    needles: tuple[str, ...]
    least: int
    pattern: str


_NAME = r"(?P<name>[\w.$:-]{2,100})"
_GENERATED = r"\s{1,8}(?P<secret>(?=[^\s]{0,60}[0-9])(?=[^\s]{0,60}[A-Za-z])[^\s\"']{6,200}+)"
_TEXT = r"(?:\"[^\"\n]{0,400}\"|'[^'\n]{0,400}'|[\w.$]{1,60})"
# fmt: off
_FORMS = (
    # <password>x</password>, <password><![CDATA[x]]></password>
    _Form("value of {name}", ("</",), 1,
          rf"<{_NAME}(?:\s[^<>]{{0,300}})?>\s{{0,20}}(?:<!\[CDATA\[)?(?P<secret>[^<>]{{1,4000}}?)\s{{0,20}}(?:\]\]>)?\s{{0,20}}</"),
    _Form("value of {name}", ("<![CDATA[",), 1,
          rf"<{_NAME}(?:\s[^<>]{{0,300}})?>\s{{0,20}}<!\[CDATA\[(?P<secret>(?:[^\]]|\](?!\]>)){{1,4000}}+)\]\]>"),
    _Form("value of {name}", ("&lt;/",), 1,
          rf"&lt;{_NAME}&gt;(?P<secret>[^<>&]{{1,2000}})&lt;/"),
    # key="Password" value="x", {"name": "DB_PASSWORD", "value": "x"}, - name: DB_PASSWORD\n  value: x
    _Form("value of {name}", ("alue", "ontent"), 1,
          rf"(?i:\b(?:name|key|id|field|label|variable|property|header)\\{{0,7}}[\"']?\s{{0,4}}[=:]\s{{0,4}}\\{{0,7}}[\"']?){_NAME}\\{{0,7}}[\"']?"
          r"[\s,;]{0,40}(?:\\{0,7}[\"']?\w{1,20}\\{0,7}[\"']?\s{0,2}[:=]\s{0,2}\\{0,7}[\"'][\w#.-]{1,40}\\{0,7}[\"'][\s,;]{1,8}){0,2}\\{0,7}[\"']?(?i:value|content|stringvalue)\\{0,7}[\"']?\s{0,4}[=:]\s{0,4}\\{0,7}[\"']?(?P<secret>[^\s\"'<>\\,}]{1,2000}+)"),
    # {"value": "x", "name": "DB_PASSWORD"}, unless that name's own value follows
    _Form("value of {name}", ("alue", "ontent"), 1,
          r"(?i:\b(?:value|content|stringvalue)\\{0,7}[\"']?\s{0,4}[=:]\s{0,4}\\{0,7}[\"']?)(?P<secret>[^\s\"'<>\\,}]{1,2000}+)\\{0,7}[\"']?[\s,;]{1,40}"
          rf"\\{{0,7}}[\"']?(?i:name|key|id|label|variable|property|header)\\{{0,7}}[\"']?\s{{0,4}}[=:]\s{{0,4}}\\{{0,7}}[\"']?{_NAME}(?!\\{{0,7}}[\"']?[\s,;]{{1,40}}\\{{0,7}}[\"']?(?i:value|content))"),
    # ? password\n: x, a complex key in YAML
    _Form("value of {name}", ("? ",), 1,
          rf"(?m)^[ \t]{{0,40}}\? [\"']?{_NAME}[\"']?[ \t]{{0,8}}\r?\n[ \t]{{0,40}}:[ \t]{{1,8}}[\"']?(?P<secret>[^\s\"'][^\n\"']{{0,1000}}+)"),
    # <property name="password">x</property>, <setting name="Secret"><value>x</value>
    _Form("value of {name}", ("</",), 1,
          rf"<\w{{1,40}}\s[^<>]{{0,100}}?\b(?i:name|key|id)=[\"']{_NAME}[\"'][^<>]{{0,100}}>\s{{0,20}}(?:<\w{{1,20}}>)?(?P<secret>[^<>]{{1,2000}}?)\s{{0,20}}</"),
    _Form("password of a form", ("type=",), 1,
          r"<input\s[^<>]{0,200}?type=[\"']?password[\"']?[^<>]{0,200}?\svalue=[\"'](?P<secret>[^\"'<>]{1,500})"),
    # a field of a form: name="password", an empty line, the value
    _Form("value of {name}", ("name=",), 1,
          rf"name=\\?\"{_NAME}\\?\"(?:\r?\n|\\r\\n|\\n){{2}}(?P<secret>[^\r\n\\]{{1,2000}}+)"),
    # [Db:Password, x], as .NET writes a setting or a variable
    _Form("value of {name}", ("[",), 4,
          r"\[(?P<name>[A-Za-z][\w.:-]{1,100}), (?P<secret>(?=[^\[\]\n]{0,80}[0-9])[^\[\]\n,]{4,500}+)\]"),
    # a second cookie after the attributes of the first, as some clients join them
    _Form("cookie", ("et-cookie", "et-Cookie"), 16,
          r"(?i:; ?(?:path|domain|max-age|expires|samesite|secure|httponly)\b[^;,\n\"]{0,60}(?:, \d\d[^;,\n\"]{0,40})?), ?[\w.-]{1,80}=(?P<secret>[^\s;,\"]{1,4000}+)"),
    # password in a netrc, after the login or on its own line
    _Form("password of a login", ("password", "passwd"), 4,
          r"(?m)(?:\blogin\s{1,20}\S{1,200}\s{1,20}|^[ \t]{0,20})(?:password|passwd)[ \t]{1,20}(?P<secret>\S{1,500}+)(?=[ \t]*+(?:$|account\b|macdef\b|machine\b))"),
    _Form("password of a login", ("machine",), 1,
          r"\bmachine\s{1,20}\S{1,200}\s{1,20}(?:login\s{1,20}\S{1,200}\s{1,20})?(?:account\s{1,9}\S{1,200}\s{1,9})?password\s{1,20}(?P<secret>\S{1,500}+)"),
    # host:port:database:user:password
    _Form("password in a pgpass line", (":",), 1,
          r"(?m)^[ \t]{0,8}(?:[A-Za-z][\w.-]{0,100}|\d{1,3}(?:\.\d{1,3}){3}|\*):(?:\d{4,5}|\*):(?:[A-Za-z*][\w-]{0,60}|\*):(?:[A-Za-z*][\w.-]{0,60}|\*):(?P<secret>(?:[^\s:\\]|\\.){1,200}+)$"),
    # setx NAME value, ENV NAME value, requirepass value, //registry/:_authToken value
    _Form("value of {name}", ("setx", "ENV ", "etenv", "onfig", "ONFIG", "set -", "-secrets set"), 1,
          r"(?:\bsetx|\bset -\w{1,4}|^ENV|\bsetenv|\bconfig set|\bconfigure set|\bCONFIG SET|\buser-secrets set)\s{1,4}[\"']?(?P<name>[\w./:@-]{2,100})[\"']?[\s,]{1,4}[\"']?(?P<secret>[^\s\"']{1,1000}+)"),
    _Form("argument of login", (" login ",), 4,
          r"\b(?:vault|gh auth|hf|huggingface-cli|wandb) login[ ](?:--token[ ])?(?P<secret>[^\s-]\S{3,500}+)"),
    _Form("password of a server", ("requirepass", "masterauth"), 1,
          r"\b(?:requirepass|masterauth)\s{1,4}[\"']?(?P<secret>[^\s\"'=:]{1,500}+)"),
    _Form("password of a command", ("AUTH", "PASS", "auth"), 4,
          r"(?m)(?:(?:^|[>:\]] ?|C: |\"|\b\d\d |\d \[[^\]]{1,40}\] |^HELLO \d )\"?(?:AUTH|auth|PASS)\"?)(?: (?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5))?(?: \"?\w{1,30}\"?(?= (?:\"|(?=\S{0,60}\d)\S{6,500}$)))? \"?(?P<secret>[^\s\":\[(][^\s\":]{3,500}+)"),
    # IMAP; SMTP, after the server's prompt for the password
    _Form("password of a command", (" LOGIN ",), 4,
          r"(?m)^(?:\S{1,40} ){0,2}\w{1,12} LOGIN \"?[^\s\"]{1,100}\"? \"?(?P<secret>[^\s\"]{4,500}+)\"?$"),
    _Form("password of a command", ("UGFzc3dvcmQ6",), 4,
          r"UGFzc3dvcmQ6\s{1,4}(?:C: )?(?P<secret>[A-Za-z0-9+/=]{4,500}+)"),
    # HTTPBasicAuth("anna", "x")
    _Form("password of a call", ("uth(", "ogin(", "redential(", "redentials("), 4,
          r"(?i:(?:auth|login|credentials?)\(\s?[\"'][^\"'\n]{1,100}[\"'],\s?[\"'](?P<secret>[^\"'\s]{1,500}+)[\"'])"),
    _Form("password of a command", ("PLAIN ", "LOGIN ", "XOAUTH2 "), 4,
          r"\bAUTH(?:ENTICATE)? (?:PLAIN|LOGIN|XOAUTH2) (?P<secret>[A-Za-z0-9+/=]{6,2000}+)"),
    _Form("password of a command", ("IDENTIFIED", "identified", "SecureString", "SET PASSWORD", "set password"), 1,
          r"(?i:\bConvertTo-SecureString(?: -String)?|\bset password(?: for \S{1,100})? =|\bidentified (?:with \w{1,40} )?(?:by|as)(?: password)?)\s{1,4}\\?[\"'](?P<secret>[^\"'\\]{1,500}+)"),
    _Form("bearer token", ("earer ", "EARER ", "SSWS ", "Key ", "OAuth "), 4,
          r"(?:(?i:\bbearer|\bSSWS)|\b(?:ApiKey|GenieKey|OAuth)(?= {1,3}[^\s.]{20})) {1,3}(?P<secret>[A-Za-z0-9._~+/=\-]{8}[A-Za-z0-9._~+/=\-]*+)"),
    _Form("basic credentials", ("asic ", "ASIC "), 4,
          r"(?i:\bbasic) {1,3}(?P<secret>[A-Za-z0-9+/_\-]{8}[A-Za-z0-9+/_\-]*+={0,2})"),
    # password 'x', with token "x", password is x, storePassword 'x'
    _Form("value of {name}", ("'", '"', "`"), 4,
          r"(?<![\w.$-])(?P<name>[A-Za-z][\w.-]{2,60}+)(?: (?:is|was|of|set to|to|as))?[ ]{1,3}\\{0,7}(?P<quote>[\"'`])(?P<secret>[^\"'`\s\\]{1,500}+)\\{0,7}(?P=quote)"),
    _Form("value of {name}", (" is ", " was "), 4,
          r"(?<![\w.$-])(?P<name>[A-Za-z][\w.-]{2,60}+) (?:(?:for|of) (?:(?:the|user|account) )?[\w@.-]{1,60}+ )?(?:is|was)[ ](?:now |set to )?(?P<secret>(?=[^\s\"'`,;]{0,80}[0-9!@#$%^&*+=])[^\s\"'`,;]{6,500}+)"),
    # password x1y2, password for anna: x1y2, new password set to x1y2, | password | x1y2 |
    _Form("value of {name}", ("assword", "assphrase", "asscode", "passwd", "pwd", "PASSWORD", "ecret", "oken", "pikey", "pi key", "PI key", "s key", "ountKey", "essKey", "ountkey", "esskey", "ount_key", "ess_key", "otp", "OTP", "pw", "PIN", "TOKEN", "SECRET", " key ", " code "), 4,
          r"(?<![\w.$-])(?P<name>(?!(?i:keys?|codes?)[ \t|])(?:(?i:api|access|secret|private|signing|master|auth|encryption|product|serial|license|pin|sms|one-time|verification|security|recovery|backup)[ ])?[A-Za-z][\w.-]{1,60}+)(?:[ \t]{1,40}+(?:REG_\w{2,12}[ \t]{1,8})?|[ ]{0,40}+[|\u2502\u2503][ ]{0,40}+`?)(?:(?:entered|given|typed|(?:for|of) \S{1,40}):?[ ]|(?:was )?(?:set|changed) to |from \S{1,80} to |is |[0578] )?"
          r"(?P<secret>\d{4,8}(?=[\s.,;]|$)|(?=[^\s0-9]{0,80}[0-9])(?=[^\sA-Za-z]{0,80}[A-Za-z])[^\s\"'`,;|()\[\]{}<>:]{6,200}+)(?![:(/\\])"),
    _Form("credentials of a login", ("@",), 4,
          r"(?<![\w.:/@+-])(?!mailto:|sips?:|xmpp:|acct:|npm:|git:)[A-Za-z][\w.+-]{0,40}:(?P<secret>[^\s@:/\"'<>]{4,200}+)@(?=[A-Za-z])(?!sha\d)"),
    # login with anna / x, auth failed for anna:x
    _Form("credentials of a login", ("ogin", "uth", "redentials", "ign-in", "ign in"), 6,
          r"(?i:\b(?:log-?in|auth\w{0,12}|sign[- ]in|credentials)\b)(?: \w{1,12}){0,3} (?:with|for|as|of|user|using) (?:user )?[\"']?[A-Za-z][\w.@+-]{0,60}(?:[:/]| / )"
          r"(?P<secret>(?=[^\s0-9]{0,60}[0-9])(?=[^\sA-Za-z]{0,60}[A-Za-z])[^\s\"'/:.,;()]{6,200}+)(?![\w/:.])"),
    _Form("password for a program", ("stdin", "chpasswd", "sudo -S"), 1,
          r"\becho (?:-n )?[\"']?(?P<secret>[^\s\"'|]{1,200}+)[\"']? ?\|[^|\n]{0,200}?(?:--password-stdin|--stdin|chpasswd|sudo -S)"),
    _Form("password for a program", ("net use", "htpasswd"), 1,
          r"\b(?:net use [^\n]{0,200}?/user:\S{1,60}|net use (?:\w:? )?\\\\\S{1,200}|net user \S{1,60}|htpasswd -\w{0,5}b\w{0,5} \S{1,200} \S{1,60})"
          r" (?P<secret>[^\s/*-][^\s]{0,200}+)"),
    # jdbc:oracle:thin:scott/tiger@db, https%3A%2F%2Fanna%3Ax%40host
    _Form("password of a login", ("oracle:",), 1,
          r"\boracle:\w{2,5}:\w{1,60}/(?P<secret>[^\s@\"']{1,200}+)@"),
    # perhaps encoded twice
    _Form("credentials in an address", ("%2F%2F", "%2f%2f", "%252F%252F", "%252f%252f"), 1,
          r"(?i:%(?:25)?3A(?:%(?:25)?2F){2}(?:[\w.+-]|%(?!(?:25)?(?:3A|40|2F))[\dA-F]{2}){0,60}+%(?:25)?3A(?P<secret>(?:[^\s&\"'%]|%(?!(?:25)?(?:40|2F))[\dA-F]{2}){1,200}+)%(?:25)?40)"),
    _Form("password of a login", ("@tcp(", "@unix("), 1,
          r"(?<![\w.+-])[A-Za-z][\w.+-]{0,40}:(?P<secret>[^\s@\"'<>]{1,200}+)@(?:tcp|unix)\("),
    # the last string argument of a call: mysqli_connect("host", "user", "x"), jwt.sign(claims, "x")
    _Form("password of a call", ("onnect(", "onnection(", "construct(", "PDO(", "ysqli("), 4,
          rf"\b(?:PDO|DBI->connect|mysqli|mysqli?_connect|getConnection|(?:PDO|mysqli)->__construct)\(\s?(?:{_TEXT},\s?){{2}}[\"'](?P<secret>[^\"'\s]{{1,200}}+)[\"']"),
    _Form("key of a call", (".sign(", ".verify(", ".encode(", ".decode(", "Hmac(", "ipheriv(", "hmac("), 4,
          r"\b(?:(?i:jwt|jsonwebtoken)\.(?:sign|verify|encode|decode)|(?:create)?[Hh]mac|createCipheriv|hash_hmac)\([^()\n\"']{0,80}(?:[\"'][^\"'\n]{1,400}[\"'])?[^()\n\"']{0,40},\s?[\"'](?P<secret>[^\"'\n]{4,200}+)[\"']"),
    # password ........ x, secret key loaded: x, Unseal Key 1: x
    _Form("value of {name}", ("...",), 4,
          r"(?<![\w.$-])(?P<name>[A-Za-z][\w-]{2,60}+)[ ]?\.{3,60}[ ]?[\"']?(?P<secret>(?=[^\s\"']{0,60}[0-9])[^\s\"'.]{4,200}+)"),
    _Form("value of {name}", (": ", "="), 4,
          r"(?<![\w.$-])(?P<name>[A-Za-z][\w.-]{2,60}+)(?: is| was| has been)? (?:loaded|generated|created|received|issued|accepted|found|read|set|updated|rotated|decoded|saved|is now|used|changed|sent|obtained|acquired|fetched|granted|returned|retrieved|assigned)"
          r"(?: [\w@.-]{2,40}){0,3}[:=][ ]?[\"'`]?(?P<secret>(?=[^\s\"'`]{0,60}[0-9])[^\s\"'`,;]{8,500}+)"),
    # API key (production): x, master key [base64]: x
    _Form("value of {name}", ("): ", "]: "), 4,
          rf"(?<![\w.$-])(?P<name>(?:[A-Za-z]{{2,16}} )?[A-Za-z][\w.-]{{1,60}}+) ?[(\[][\w -]{{1,24}}[)\]]:{_GENERATED}"),
    # DB_PASSWORD\n  Input should be … [type=string_type, input_value='x', input_type=str], as pydantic reports it
    _Form("value of {name}", ("input_value=",), 1,
          rf"(?m)^{_NAME}\n[ \t]{{1,8}}[^\n]{{1,600}}?input_value=(?P<quote>[\"'])(?P<secret>[^\n]{{1,500}}?)(?P=quote)"),
    # the following password: x, password for the user anna (…): x
    _Form("value of {name}", ("ollowing ",), 4,
          rf"(?i:following )(?P<name>[A-Za-z][\w.-]{{2,60}}+)[^\n:]{{0,60}}:{_GENERATED}"),
    _Form("value of {name}", (" for ",), 4,
          rf"(?<![\w.$-])(?P<name>[A-Za-z][\w.-]{{2,60}}+) for (?:(?:the|user|account|key) )?[\"']?[\w@./-]{{1,60}}[\"']?(?: user| account)?(?: \([^)\n]{{0,120}}\))?:{_GENERATED}"),
    _Form("value of {name}", ("<string>",), 1,
          rf"<key>{_NAME}</key>\s{{0,40}}<string>(?P<secret>[^<>]{{1,2000}})<"),
    # variable "password" { default = "x" }, "password": {"value": "x"}
    _Form("value of {name}", ("default", "alue"), 4,
          rf"\"{_NAME}\"\s{{0,4}}:?\s{{0,4}}\{{[^{{}}]{{0,200}}?\"?(?:default|[vV]alue)\"?\s{{0,4}}[:=]\s{{0,4}}\"(?P<secret>[^\"\n]{{1,1000}})\""),
    _Form("password of a command", ("IDENTIFIED BY ", "identified by ", "sp_addlogin "), 4,
          r"(?:(?i:\bidentified by )|\bsp_addlogin N?'[^'\n]{1,60}', ?N?')(?P<secret>[^\s\"';,]{4,200}+)"),
    _Form("password of a user", ("PASSWORD ",), 4,
          r"(?m)^PASSWORD \w{1,30} = (?P<secret>\S{1,200}+)"),
    _Form("key of a vault", (" Key ", " key "), 16,
          r"(?i:\b(?:unseal|recovery) key \d{1,2}: )(?P<secret>[A-Za-z0-9+/=]{16}[A-Za-z0-9+/=_-]*+)"),
    _Form("key of a database", ("ragma", "RAGMA", " KEY ", " key "), 1,
          r"(?i:\bpragma (?:hex)?(?:re)?key ?= ?|\battach (?:database )?[^\n]{1,200}? key )[\"'](?P<secret>[^\"'\n]{1,200}+)"),
    _Form("password of a user", ("ACL SETUSER",), 1,
          r"\bACL SETUSER [^>\n]{1,200}>(?P<secret>\S{1,200}+)"),
    _Form("password for a program", ("<<<",), 4,
          r"(?i:\b(?:secrets?|login|tokens?|passwords?|passwd)\b)[^\n<]{0,80}<<<\s?[\"']?(?P<secret>[^\s\"']{1,500}+)"),
    _Form("password for a program", ("send",), 1,
          r"(?i:(?:assword|assphrase|PIN)\S{0,6}?[\"'}])\s{1,8}\{?\s{0,8}send(?:_user)? (?:-- )?[\"'](?P<secret>[^\"'\\\n]{1,200}+)"),
    _Form("community of a device", ("ommunity ",), 1,
          r"\b(?:snmp-server community|r[ow]community6?) (?P<secret>[^\s\"']{1,100}+)"),
    _Form("password of a package source", ("BUNDLE_",), 1,
          r"\bBUNDLE_\w{1,100}__\w{2,10}(?:=|: )[\"']?[^\s:\"']{1,80}:(?P<secret>[^\s\"']{1,200}+)"),
    _Form("password hash", (":",), 13,
          r"(?m)^[A-Za-z_][\w.-]{0,31}:(?P<secret>[A-Za-z0-9./]{13}):(?=\d{1,6}:\d)"),
    # --password x: a flag and the word after it
    _Form("value of {name}", ("-",), 1,
          r"(?<![\w/-])(?P<name>--?[A-Za-z](?:[\w.-]|(?<=\w):(?=\w)){1,60}+)[ \t]{1,4}(?:\\{0,7}[\"'])?(?P<secret>[^\s\"'\\-][^\s\"'\\]*+)"),
)
# fmt: on


_BY_NEEDLE = tuple((needle, form) for form in _FORMS for needle in form.needles)  # as in tokens.py


def mask_forms(text: str, replace: Replace) -> str:
    """The text without secrets in notations that have no separator between name and value."""
    last = None
    for needle, form in _BY_NEEDLE:
        if needle in text and form is not last:
            last = form
            text = compiled(form.pattern).sub(lambda found, form=form: _decided(form, found, replace), text)  # type: ignore[misc]
    return _mask_command_lines(text, replace)


def _decided(form: _Form, found: re.Match[str], replace: Replace) -> str:
    secret = found["secret"]
    name = found["name"] if "{name}" in form.kind else None
    level = Strength.STRONG if name is None else flag_strength(name) if name.startswith("-") else strength(name)
    if (
        level is Strength.NONE
        or len(secret) < form.least
        or is_prose(secret)
        or secret.startswith("-")
        or (name is not None and is_metavar(name, secret))
        or secret.endswith("://")
        or is_harmless(secret, level)
        or (name is not None and is_bare(name, secret))
        or (secret.isdigit() and form.least > 1 and level < Strength.PASSWORD)
        or (name is None and form.least > 1 and is_plain(secret))
        or (name is not None and form.least > 1 and level < Strength.PASSWORD and is_plain(secret))
    ):
        return found[0]
    start, end = found.span("secret")
    kind = form.kind.format(name=(name or "").strip("-$"))
    return text_around(found, start, end, replace(kind, secret))


def text_around(found: re.Match[str], start: int, end: int, instead: str) -> str:
    offset = found.start()
    return found[0][: start - offset] + instead + found[0][end - offset :]


_PROGRAM = re.compile(rf"(?<![\w-])(?P<program>{'|'.join(PROGRAMS)})(?:\.exe)?[ \t]{{1,4}}(?P<rest>[^\n]{{1,2000}})")
_ARGUMENT = re.compile(r"(?:\"(?:\\.|[^\"\\\n])*+\"|'[^'\n]*+'|\\\"[^\"\\\n]*+\\\"|[^\s\"'])++")


def _mask_command_lines(text: str, replace: Replace) -> str:
    def without(found: re.Match[str]) -> str:
        arguments = list(_ARGUMENT.finditer(found["rest"]))
        words = [found["program"], *(argument[0].strip("\"'\\") for argument in arguments)]
        rest = found["rest"]
        for index, start, end in reversed(list(secret_spans(words))):
            argument = arguments[index - 1]
            offset = argument.start() + argument[0].find(words[index])
            secret = words[index][start:end].lstrip("\"'")  # -p'x'
            if secret and not is_prose(secret) and "***" not in secret:
                rest = (
                    rest[: offset + end - len(secret)]
                    + replace(f"argument of {found['program']}", secret)
                    + rest[offset + end :]
                )
        return found[0][: found.start("rest") - found.start()] + rest

    return _PROGRAM.sub(without, text)


_ADDRESS = re.compile(
    r"(?<=:)//(?P<rest>[^\s\"'<>`\\]{1,2000}+)|(?<=:)\\/\\/(?P<escaped>(?:[^\s\"'<>`\\]|\\/){1,2000}+)"
)
_LOGIN = re.compile(r"[A-Za-z][\w.+-]{0,30}")
_QUERY = re.compile(
    r"(?<=[?&#;])(?P<name>code|sig|signature|sign|hmac|key|auth|apikey|pass|pwd|pw|otp|ticket|sid|session|jwt|assertion|samlresponse|samlrequest"
    r"|oobcode|code_verifier|code_challenge|verifier|hash|credential|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)"
    r"|appid|awsaccesskeyid|googleaccessid|policy|s|t|k)=(?P<value>[^\s&#\"'<>`;\\]{1,4000}+)",
    re.IGNORECASE,
)


def mask_addresses(text: str, replace: Replace) -> str:
    """The text without credentials in URLs: before the host, and in parameters."""
    if "//" in text or "\\/\\/" in text:
        text = _ADDRESS.sub(lambda found: _without_user(found, replace), text)
    if "=" in text:
        text = _QUERY.sub(lambda found: _without_parameter(found, replace), text)
    return text


def _without_user(found: re.Match[str], replace: Replace) -> str:
    address = found["rest"] or found["escaped"]
    lead = found[0][: len(found[0]) - len(address)]
    authority = re.split(r"[/?#\\]", address, maxsplit=1)[0]
    at = authority.rfind("@")
    is_page = (
        found.string[max(0, found.start() - 6) : found.start()].lower().endswith(("http:", "https:", "ws:", "wss:"))
    )
    if "@" in address and (at < 0 or (not is_page and ":" in authority[:at])):
        host, colon, port = authority.partition(":")
        # A port or nothing before the slash: a path with an @ in it. Otherwise a password that contains a slash or a question mark.
        if colon and not (
            port.isdigit() and (len(port) <= 5) and ("." in host or host in {"localhost", ""} or len(port) >= 4)
        ):
            path = address.split("?", 1)[0]
            at = (path if "@" in path else address).rfind("@")
    if at <= 0:
        return found[0]
    user = address[:at]
    name, colon, password = user.partition(":")
    if user == "***" or (not colon and _LOGIN.fullmatch(user) and (is_plain(user) or len(user) < 8)):
        return found[0]  # git@host
    if colon and is_harmless(password, Strength.PASSWORD) and not is_harmless(name, Strength.STRONG) and "***" in user:
        return lead + "***" + address[at:]
    return lead + replace("credentials in an address", password or name) + address[at:]


def _without_parameter(found: re.Match[str], replace: Replace) -> str:
    name, value = found["name"], found["value"]
    least = 16 if name.lower() in {"s", "t", "k", "policy", "hash", "appid"} else 4
    if value == "***" or len(value) < least or is_harmless(value, Strength.WEAK):
        return found[0]
    return f"{name}={replace(f'parameter {name}', value)}"
