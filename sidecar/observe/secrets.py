"""The secrets that are known now: those of the settings, of our own environment, and of the newest run."""

import os
from collections.abc import Mapping, Sequence

from ..errors import LIMIT_REMEDY
from ..settings.model import Backend


class Secrets:
    """Masks texts for logs, crash reports and clients."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._run: tuple[Mapping[str, str], Sequence[str]] = {}, ()
        self._masked: tuple[object, list[str]] | None = None  # the run, and the spellings of its secrets
        self._searched: dict[tuple[str, str], list[str]] = {}  # variables of the newest run, and the secrets in each

    def learn(self, environment: Mapping[str, str], command: Sequence[str]) -> None:
        """Masks the secrets of that run from now on, instead of the previous run's."""
        self._run = environment, command

    def mask(self, text: str) -> str:
        """The text without the known secrets; a note instead if no file can be opened to import the masking. Any thread may call this."""
        try:
            return self._without_secrets(text)
        except (OSError, ImportError) as error:
            return f"A text is withheld, because its secrets cannot be masked: {error}. {LIMIT_REMEDY}"

    def _without_secrets(self, text: str) -> str:
        from ..settings.masking import mask_text, secrets_of, secrets_of_command, spellings

        run, masked = self._run, self._masked
        if masked is None or masked[0] is not run:
            # A run has nearly the same variables as the previous one, and a search takes longer than the rest of a restart.
            before = self._searched
            variables = {*os.environ.items(), *self._backend.env.items(), *run[0].items()}
            searched = {each: before[each] if each in before else secrets_of(dict([each])) for each in variables}
            self._searched = searched
            known = [secret for found in searched.values() for secret in found]
            known += [secret for command in (self._backend.command, run[1]) for secret in secrets_of_command(command)]
            # One assignment, so that no other thread sees the run with the previous run's secrets.
            masked = self._masked = run, spellings(known)
        return mask_text(text, masked[1])
