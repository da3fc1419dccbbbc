"""Finds secrets in the words of a command."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from .names import Strength, flag_strength, is_harmless, is_random


class _Rule(NamedTuple):
    """How programs take a secret, if the command has the word ``needed``.

    ``-p``: as the next word; ``-p*``: in the same word; ``-u:``: as USER:PASSWORD (``-u*:`` in the same word);
    ``add_user+1``: after that word and one more; ``/``: as USER/PASSWORD@DATABASE. A flag with a secret name needs no entry.
    """

    programs: str
    needed: str
    flags: str


_RULES = (
    _Rule("7z 7za 7zr rar unrar", "", "-p*"),
    _Rule("ansible-vault", "", "encrypt_string+0"),
    _Rule("aws", "SecureString", "--value"),
    _Rule("az", "login", "-p"),
    _Rule("az", "secret", "--value"),
    _Rule("bcp ipmitool mosquitto_pub mosquitto_rr mosquitto_sub unzip zip", "", "-P"),
    _Rule("cbq cqlsh cypher-shell mongo mongodump mongoexport mongoimport mongorestore mongosh", "", "-p"),
    _Rule("composer poetry", "", "http-basic.+1"),
    _Rule("curl", "", "-u: -u*: --user: -U: --proxy-user: --cert: -E:"),
    _Rule("buildah docker helm oras podman skopeo", "login", "-p"),
    _Rule("dotnet", "source", "-p"),
    _Rule("etcdctl", "", "--user:"),
    _Rule("gh", "secret", "-b -b* --body"),
    _Rule("gpg impacket-psexec impacket-smbexec net psql ssh wget htpasswd", "", ""),
    _Rule("http https xh xhs", "", "-a: --auth:"),
    _Rule("keytool", "", "-storepass -keypass"),
    _Rule("ldapadd ldapdelete ldapmodify ldapsearch ldapwhoami", "", "-w"),
    _Rule("ldappasswd", "", "-w -s"),
    _Rule("mariadb mariadb-admin mariadb-dump mysql mysqladmin mysqlcheck mysqldump mysqlimport mysqlsh", "", "-p*"),
    _Rule("openssl", "", "-k -K -pass -passin -passout"),
    _Rule("plink pscp psftp", "", "-pw"),
    _Rule("psexec rabbitmqadmin supabase", "", "-p"),
    _Rule("rabbitmqctl", "", "add_user+1 change_password+1 authenticate_user+1"),
    _Rule("redis-cli valkey-cli", "", "-a -a* AUTH+1"),
    _Rule("rpcclient smbclient winexe", "", "-U: --user:"),
    _Rule("mc", "alias", "set+3"),
    _Rule("schtasks signtool", "", "/rp /p"),
    _Rule("security", "unlock-keychain", "-p"),
    _Rule("snmpbulkwalk snmpget snmpset snmpwalk", "", "-A -X"),
    _Rule("expdp impdp rman sqlldr sqlplus", "", "/"),
    _Rule("sqlcmd", "", "-P -P*"),
    _Rule("ssh-keygen", "", "-N -P"),
    _Rule("sshpass", "", "-p -p*"),
    _Rule("vault", "", "unseal+0"),
    _Rule("wfreerdp xfreerdp", "", "/p:*"),
)
_NEEDED = frozenset(rule.needed for rule in _RULES)
PROGRAMS = sorted({program for rule in _RULES for program in rule.programs.split()}, key=len, reverse=True)
_FLAG = re.compile(
    r"(?P<flag>(?:--?|/)?[A-Za-z_][\w.:-]*)=(?P<value>.+)|(?P<other>(?:--?|/)[A-Za-z][\w.-]*):(?P<behind>.+)", re.DOTALL
)

_ORACLE = re.compile(r"\"?[\w$#]{1,60}/(?P<secret>[^@/\s\"]{1,200}+)\"?(?:@|$)")
_PERHAPS = ("-p", "-P")  # a port, a project or a password: the value decides

Span = tuple[int, int]  # where in a word the secret is


class _Flags(NamedTuple):
    """The flags of one command that take a secret."""

    following: Sequence[str]
    glued: Sequence[str]
    paired: Sequence[str]
    glued_pair: Sequence[str]
    behind: Mapping[str, int]
    oracle: bool


@lru_cache(maxsize=256)
def _flags_of(program: str, words: frozenset[str]) -> _Flags:
    given = [
        flag
        for rule in _RULES
        if program in rule.programs.split() and (not rule.needed or rule.needed in words)
        for flag in rule.flags.split()
    ]
    return _Flags(
        [flag for flag in given if flag[-1] not in "*:/" and "+" not in flag],
        [flag[:-1] for flag in given if flag.endswith("*")],
        [flag[:-1] for flag in given if flag.endswith(":") and "*" not in flag],
        [flag[:-2] for flag in given if flag.endswith("*:")],
        {word: int(skip) for word, plus, skip in (flag.partition("+") for flag in given) if plus},
        "/" in given,
    )


def secret_spans(words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yields each secret that follows a flag or is in one: the index of its word, and its start and end in that word."""
    if not words:
        return
    program = re.split(r"[/\\]", words[0])[-1].removesuffix(".exe").lower()
    flags = _flags_of(program, _NEEDED.intersection(words))
    expected: Strength | None = None
    at = -1  # the word at a fixed distance after a subcommand
    for index, word in enumerate(words):
        skip = next((skip for name, skip in flags.behind.items() if index and word.startswith(name)), None)
        if skip is not None:
            at = min(index + 1 + skip, len(words) - 1)
        if expected is Strength.NONE:
            expected, span = None, _of_pair(word)
        elif index == at and skip is None:
            expected, span = None, None if word.startswith(("-", "http")) else (0, len(word))
        elif expected is not None and not word.startswith("-") and not is_harmless(word, expected):
            expected = None
            span = len(word) - len(word.removeprefix("pass:")) if program == "openssl" else 0, len(word)
        else:
            span = _within(word, flags) if index or "=" in word else None
            expected = None if span or not index else _expected_behind(word, words[index + 1 : index + 2], flags)
        if span is not None:
            yield index, *span


def _within(word: str, flags: _Flags) -> Span | None:
    """The secret in a word: ``-pX``, ``--password=X``."""
    glued = next((flag for flag in flags.glued if word.startswith(flag) and len(word) > len(flag)), None)
    if glued is not None and not word.startswith("--"):
        return len(glued), len(word)
    pair = next((flag for flag in flags.glued_pair if word.startswith(flag) and len(word) > len(flag)), None)
    if pair is not None:
        return _of_pair(word, len(pair))
    if flags.oracle and (login := _ORACLE.match(word)):
        return login.span("secret")
    if word.startswith(_PERHAPS) and is_random(word[2:]):
        return 2, len(word)
    given = _FLAG.fullmatch(word)
    return _of_flag(given, flags.paired) if given is not None else None


def _expected_behind(word: str, following: Sequence[str], flags: _Flags) -> Strength | None:
    """How secret the next word is; NONE: it is USER:PASSWORD."""
    if word in flags.paired or (word in {"-u", "--user", "--username"} and _names_password(following)):
        return Strength.NONE
    if word in flags.following:
        return Strength.PASSWORD
    if word in _PERHAPS and not (flags.following or flags.glued):
        return Strength.WEAK
    # A path is not a flag: /opt/key/server is a program.
    if word.startswith(("-", "/")) and not {"/", "=", ":"} & set(word[1:].replace(":", "", word.startswith("--"))):
        return flag_strength(word) or None
    return None


def _names_password(following: Sequence[str]) -> bool:
    """Whether the word after ``-u`` is USER:PASSWORD, not the numbers or names of a user and a group."""
    return any(":" in word and is_random(word.partition(":")[2]) for word in following)


def _of_flag(given: re.Match[str], paired: Sequence[str]) -> Span | None:
    """``--password=x``, ``/password:x``, ``ConnectionStrings:Default=x``."""
    kind, value_kind = ("flag", "value") if given["flag"] else ("other", "behind")
    flag, value, start = given[kind], given[value_kind], given.start(value_kind)
    if flag in paired:
        return _of_pair(given[0], start)
    level = flag_strength(flag)
    if kind == "other" and flag.lower() in {"/p", "-p"} and is_random(value):
        level = Strength.STRONG
    return None if level is Strength.NONE or is_harmless(value, level) else (start, start + len(value))


def _of_pair(word: str, start: int = 0) -> Span | None:
    """The password of the USER:PASSWORD at ``start``; without a password the user name, which then is a token."""
    pair = word[start:]
    user, sign, password = pair.partition(":") if ":" in pair else pair.partition("%")
    if sign and password:
        return start + len(user) + 1, len(word)
    return (start, start + len(user)) if sign and user else None
