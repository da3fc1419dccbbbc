"""Masks secrets that their form gives away, wherever they are.

Every pattern is a prefix, a bounded number of characters and then at most one possessive run after which nothing can
fail: what was scanned is consumed, so the time is linear in the length of the text. Every match has one of the rule's
``needles``, which are literals; a text without any of them is not searched.
"""

import re
from functools import cache
from typing import NamedTuple

from .names import Replace

_START = r"(?<![A-Za-z0-9])"


class TokenRule(NamedTuple):
    """One kind of token: name, literals (a match has one of them), pattern; ``mixed``: only with digits among the letters."""

    kind: str
    needles: tuple[str, ...]
    pattern: str
    mixed: bool = False


def _prefixed(
    kind: str, prefixes: str, least: int, characters: str = r"A-Za-z0-9_\-", *, mixed: bool = False
) -> TokenRule:
    """Tokens that begin with one of the prefixes, then at least ``least`` of the characters."""
    needles = tuple(prefixes.split())
    beginning = "|".join(map(re.escape, needles))
    return TokenRule(kind, needles, rf"{_START}(?:{beginning})[{characters}]{{{least}}}[{characters}]*+", mixed)


_ALNUM = "A-Za-z0-9"
_BASE64 = r"A-Za-z0-9+/=_\-"
_HEX = "A-Fa-f0-9"

# fmt: off
RULES = (
    # Code and packages
    _prefixed("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", 20, _ALNUM),
    _prefixed("GitHub fine-grained token", "github_pat_", 20),
    _prefixed("GitLab token", "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-", 16, r"A-Za-z0-9_.\-"),
    _prefixed("GitLab runner registration token", "GR1348941", 16),
    _prefixed("Bitbucket token", "ATBB ATCTT3 BBDC-", 20, _BASE64),
    _prefixed("Atlassian token", "ATATT3", 40, _BASE64),
    TokenRule("Authress key", (".acc",), _START + r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30}[A-Za-z0-9+/_=-]*+"),
    _prefixed("SettleMint token", "sm_aat_ sm_pat_ sm_sat_", 16, _ALNUM),
    _prefixed("Rootly, Cody or Salad key", "rootly_ slk_ salad_cloud_ thog-secret- thog-key-", 12, mixed=True),
    _prefixed("npm token", "npm_", 30, _ALNUM),
    _prefixed("PyPI token", "pypi-AgE", 30),
    _prefixed("RubyGems key", "rubygems_", 32, _HEX),
    _prefixed("crates.io token", "cio", 32, _ALNUM, mixed=True),
    _prefixed("Clojars token", "CLOJARS_ clojars_", 30, _ALNUM),
    _prefixed("NuGet key", "oy2", 43, "a-z0-9", mixed=True),
    _prefixed("Docker token", "dckr_pat_ dckr_oat_", 20),
    _prefixed("Artifactory token", "AKCp cmVmd", 50, _ALNUM),
    _prefixed("Nexus token", "NexusNpmToken. NuGetApiKey. DockerToken.", 32),
    _prefixed("Mapbox token", "sk.eyJ", 40, r"A-Za-z0-9_.\-"),
    _prefixed("Intercom token", "dG9rOj", 40, _BASE64),
    _prefixed("Sonar token", "squ_ sqp_ sqa_ sqco_", 32, _ALNUM, mixed=True),
    _prefixed("Sourcegraph token", "sgp_", 32, "A-Za-z0-9_"),
    _prefixed("Snyk token", "snyk_uat. snyk_sat.", 16, r"A-Za-z0-9_.\-"),
    _prefixed("Postman key", "PMAK-", 40),
    _prefixed("Pulumi token", "pul-", 40, _HEX),
    _prefixed("CircleCI token", "CCIPAT_ CCIPRJ_", 24),
    _prefixed("Buildkite token", "bkua_ bkaj_ bkct_", 30),
    _prefixed("Prefect key", "pnu_ pnb_", 30, _ALNUM),
    _prefixed("Doppler token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", 24, r"A-Za-z0-9_.\-"),
    _prefixed("Infisical token", "st.", 60, r"A-Za-z0-9_.\-", mixed=True),
    _prefixed("1Password service token", "ops_eyJ", 60, _BASE64),
    TokenRule("1Password secret key", ("A3-",), _START + r"A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}"),
    _prefixed("Postgres platform token", "pscale_tkn_ pscale_oauth_ pscale_pw_ sbp_ sb_secret_ napi_", 24, r"A-Za-z0-9_.=\-"),
    _prefixed("Hosting token", "fo1_ rnd_ nfp_ nfc_ vcp_ HRKU- tk-us- mdb_sa_sk_ CCDB1_ tk_", 29, mixed=True),
    _prefixed("Vercel token", "vercel_blob_rw_", 30),
    TokenRule("Convex key", ("|",), _START + r"(?:prod|dev|preview|project):[\w:-]{1,80}\|[A-Za-z0-9+/=_-]{40}[A-Za-z0-9+/=_-]*+"),
    _prefixed("Fly.io token", "fm1a_ fm1r_ fm2_", 60, r"A-Za-z0-9+/=,_\-"),
    _prefixed("Terraform token", "ATLAS-", 30),
    TokenRule("Terraform token", (".atlasv1.",), _START + r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=\-]{40}[A-Za-z0-9_=\-]*+"),
    # Clouds
    TokenRule("AWS key pair", ("AKIA", "ASIA"), _START + r"(?:AKIA|ASIA)[A-Z0-9]{16}[\s,;|:\"']{1,10}[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])"),
    _prefixed("AWS access key", "A3T", 17, "A-Z0-9", mixed=True),
    _prefixed("AWS access key", "AKIA ASIA ABIA ACCA AROA AIDA AGPA ANPA", 16, "A-Z0-9"),
    _prefixed("AWS session token", "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", 60, r"A-Za-z0-9+/=%"),
    _prefixed("AWS Bedrock key", "ABSK bedrock-api-key-", 60, _BASE64),
    _prefixed("Amazon key", "amzn.mws. amzn1.oa2-cs.v1.", 32, r"A-Fa-f0-9\-"),
    _prefixed("Google API key", "AIza", 30),
    _prefixed("Google OAuth token", "ya29.", 20, r"A-Za-z0-9_.\-"),
    _prefixed("Google storage key", "GOOG1E", 40, "A-Z0-9"),
    _prefixed("Google OAuth secret", "GOCSPX-", 20),
    TokenRule("Google refresh token", ("1//0",), r"(?<![A-Za-z0-9/:])1//0[A-Za-z0-9_\-]{30}[A-Za-z0-9_\-]*+"),
    TokenRule("Google authorisation code", ("4/0A",), r"(?<![A-Za-z0-9/])4/0A[A-Za-z0-9_\-]{30}[A-Za-z0-9_\-]*+"),
    TokenRule("Firebase key", (":APA91",), _START + r"[A-Za-z0-9_\-]{11,22}:APA91[A-Za-z0-9_\-]{40}[A-Za-z0-9_\-]*+"),
    TokenRule("Azure client secret", ("Q~",), _START + r"[A-Za-z0-9_~.\-]{3,4}Q~[A-Za-z0-9_~.\-]{30}[A-Za-z0-9_~.\-]*+"),
    TokenRule("Azure DevOps token", ("AZDO",), _START + r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
    TokenRule("Azure key", ("JQQJ",), _START + r"[A-Za-z0-9]{50,54}JQQJ9[A-Za-z0-9]{20}[A-Za-z0-9]*+"),
    TokenRule("Azure storage key", ("APIM", "ACDb", "+ABa", "+AMC", "+ASt", "AzFu", "AIoT"), r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{33,80}(?:APIM|ACDb|\+ABa|\+AMC|\+ASt|AzFu|AIoT)[A-Za-z0-9+/]{5,6}={1,2}"),
    _prefixed("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", 32, _HEX),
    _prefixed("Cloudflare key", "v1.0-", 100, r"a-f0-9\-"),
    TokenRule("Azure registry key", ("+ACR",), r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42}\+ACR[A-Za-z0-9]{6}(?![A-Za-z0-9])"),
    TokenRule("Entra refresh token", (".A",), _START + r"[01]\.A[\w-]{50}[\w-]*+(?:\.\d)?\.A[\w-]{100}[\w.-]*+"),
    TokenRule("Salesforce session", ("!",), _START + r"00[A-Za-z0-9]{13}![A-Za-z0-9_.]{60}[A-Za-z0-9_.]*+"),
    _prefixed("Salesforce token", "5AEP861", 60, r"A-Za-z0-9._="),
    TokenRule("Zoho token", ("1000.",), _START + r"1000\.[a-f0-9]{32}\.[a-f0-9]{32}"),
    TokenRule("Okta token", ("00",), r"(?<![A-Za-z0-9_/+.=-])00(?=[A-Za-z0-9_-]{0,20}[a-z])(?=[A-Za-z0-9_-]{0,20}[A-Z])(?![0-9a-f-]*+(?![A-Za-z0-9_-]))[A-Za-z0-9_-]{40}(?![A-Za-z0-9_-])"),
    TokenRule("ClickHouse key", ("4b1d",), _START + r"4b1d(?=[a-z0-9]{0,30}[A-Z])[A-Za-z0-9]{38}(?![A-Za-z0-9])"),
    TokenRule("Tableau token", ("==:",), _START + r"[A-Za-z0-9+/]{22}==:[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    TokenRule("Webex token", ("_P",), _START + r"[A-Za-z0-9]{64}_[A-Za-z0-9]{4}_[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"),
    _prefixed("Alibaba key", "LTAI", 16, _ALNUM),
    _prefixed("Tencent key", "AKID", 28, _ALNUM),
    _prefixed("Yandex token", "AQVN t1. y0_ YCAJE", 34, r"A-Za-z0-9_.=\-", mixed=True),
    _prefixed("OpenShift token", "sha256~", 40),
    _prefixed("Databricks token", "dapi dkea dose", 32, r"a-f0-9\-"),
    _prefixed("Vault token", "hvs. hvb. hvr.", 20),
    TokenRule("Vault token", ("s.", "b."), r"(?<![A-Za-z0-9._/\-])[sb]\.(?=[A-Za-z]{0,23}[0-9])(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}(?![A-Za-z0-9])"),
    _prefixed("Tailscale key", "tskey-", 20),
    _prefixed("Scalingo, Infracost or Adobe key", "tk-us- ico- p8e-", 32, mixed=True),
    _prefixed("Heroku key", "HRKU-AA", 30),
    TokenRule("Twitch password", ("oauth:",), _START + r"oauth:[a-z0-9]{30}[a-z0-9]*+"),
    # Models
    _prefixed("API key (sk-)", "sk- sk_ rk- rk_ csk-", 16, mixed=True),
    _prefixed("Hugging Face token", "hf_ api_org_", 30, _ALNUM),
    _prefixed("Model provider key", "gsk_ xai- pplx- r8_ nvapi- tgp_v1_ fw_ lsv2_pt_ lsv2_sk_ tvly- jina_ pcsk_ pa- rpa_ esecret_", 24, mixed=True),
    _prefixed("Google API key", "AQ.Ab", 30),
    _prefixed("Cursor key", "key_ crsr_", 64, _HEX),
    _prefixed("Firecrawl or E2B key", "fc- e2b_", 32, _HEX),
    _prefixed("Browserbase key", "bb_live_ bb_test_", 24),
    TokenRule("Modal token", ("ak-", "as-"), _START + r"a[ks]-(?=[A-Za-z]{0,21}[0-9])[A-Za-z0-9]{22}(?![A-Za-z0-9_\-])", mixed=True),
    _prefixed("Brave Search key", "BSA", 26, mixed=True),
    # Messages
    _prefixed("Slack token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xoxe.xoxb- xoxe.xoxp- xapp-", 10, r"A-Za-z0-9_.%\-"),
    TokenRule("Slack webhook", ("hooks.slack",), r"(?:(?<=hooks\.slack\.com/)|(?<=hooks\.slack-gov\.com/))(?:services|workflows|triggers)/[A-Za-z0-9+/]{20}[A-Za-z0-9+/]*+"),
    TokenRule("Discord webhook", ("/api/webhooks/",), r"(?<=/api/webhooks/)\d{10,22}/[A-Za-z0-9_\-]{16}[A-Za-z0-9_\-]*+"),
    TokenRule("Teams webhook", ("/webhook",), r"(?:(?<=/webhookb2/)|(?<=office\.com/webhook/))[A-Za-z0-9@\-]{20}[A-Za-z0-9@/\-]*+"),
    # The end of a secret URL: a hook, a link that resets a password, a stream's key.
    TokenRule("secret of an address", ("hook/", "hooks/", "reset/", "password/", "magic/", "invite/", "verify/", "confirm/", "activate/", "live2/", "login/"),
              r"(?:(?<=hook/)|(?<=hooks/)|(?<=reset/)|(?<=password/)|(?<=magic/)|(?<=invite/)|(?<=verify/)|(?<=confirm/)|(?<=activate/)|(?<=live2/)|(?<=login/))"
              r"(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_\-]{20}[A-Za-z0-9_\-]*+(?![.(/:][a-z])(?:/[a-f0-9]{32})?"),
    TokenRule("Zapier or IFTTT webhook", ("/hooks/catch/", "/with/key/"), r"(?:(?<=/hooks/catch/)|(?<=/with/key/))[A-Za-z0-9_\-]{6}[A-Za-z0-9_/\-]*+"),
    TokenRule("Discord token", (".",), _START + r"[MNO][A-Za-z0-9_\-]{22,28}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27}[A-Za-z0-9_\-]*+"),
    _prefixed("Discord token", "mfa.", 60),
    TokenRule("Telegram bot token", (":A",), r"(?<![0-9])\d{8,12}:A[A-Za-z0-9_\-]{33}[A-Za-z0-9_\-]*+"),
    TokenRule("Twilio key", ("SK", "AC"), _START + r"(?:SK|AC)[a-fA-F0-9]{32}(?![A-Za-z0-9])", mixed=True),
    _prefixed("SendGrid key", "SG.", 40, r"A-Za-z0-9_.\-"),
    TokenRule("Resend key", ("re_",), _START + r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}[A-Za-z0-9]*+"),
    _prefixed("Inngest or Trigger.dev key", "signkey-prod- signkey-test- signkey-branch- tr_dev_ tr_prod_ tr_stg_ tr_preview_", 20, _ALNUM),
    _prefixed("Brevo key", "xkeysib- xsmtpsib-", 40),
    TokenRule("Mailgun key", ("key-",), _START + r"(?:pub)?key-[a-f0-9]{32}(?![A-Za-z0-9])"),
    TokenRule("Mailgun signing key", ("-",), _START + r"[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}(?![A-Za-z0-9\-])"),
    TokenRule("Mailchimp key", ("-us",), _START + r"[a-f0-9]{32}-us\d{1,2}(?![A-Za-z0-9])"),
    TokenRule("PagerDuty key", ("u+",), r"(?<![\w+])u\+[A-Za-z0-9_\-]{18}(?![\w\-])", mixed=True),
    # Payments and shops
    _prefixed("Stripe secret", "sk_live_ sk_test_ rk_live_ rk_test_ whsec_ sk_prod_ rk_prod_", 10, "A-Za-z0-9+/="),
    _prefixed("Shopify token", "shpat_ shpca_ shppa_ shpss_ shptka_ shpua_", 24, _HEX),
    _prefixed("Square token", "sq0atp- sq0csp- sq0idp- EAAAE EAAAl", 22),
    _prefixed("PayPal or Braintree token", "access_token$production$ access_token$sandbox$", 20, r"a-z0-9$"),
    _prefixed("Plaid token", "access-sandbox- access-development- access-production-", 30, r"a-f0-9\-"),
    _prefixed("Payment key", "FLWSECK- EZAK EZTK shippo_live_ shippo_test_ duffel_live_ duffel_test_ live_ test_ ak_live_ ak_test_", 30, r"A-Za-z0-9_=\-", mixed=True),
    _prefixed("Payment key", "FLWSECK_TEST- flb_live_", 12, mixed=True),
    TokenRule("Stripe client secret", ("_secret_",), _START + r"(?:pi|seti|cs|src)_(?:live_|test_)?[A-Za-z0-9]{14,64}_secret_[A-Za-z0-9]{20}[A-Za-z0-9]*+"),
    # Work tools
    TokenRule("Airtable token", (".v1.",), _START + r"oaa[A-Za-z0-9]{14}\.v1\.[\w-]{10}[\w-]*+\.[a-f0-9]{32}[a-f0-9]*+"),
    _prefixed("Frame.io, 42 or Bannerbear key", "fio-u- s-s4t2ud- s-s4t2af- bb_pr_ bb_ma_ shltm_ NF- BBFF- rh-api-", 30, mixed=True),
    TokenRule("Endor key", ("endr+",), _START + r"endr\+[A-Za-z0-9-]{16}"),
    TokenRule("Voiceflow key", ("VF.",), _START + r"VF\.(?:(?:DM|WS)\.)?[a-fA-F0-9]{24}\.[a-zA-Z0-9]{16}"),
    TokenRule("FullStory key", ("na1.", "eu1."), _START + r"(?:na1|eu1)\.[A-Za-z0-9+/]{90}[A-Za-z0-9+/=]*+"),
    TokenRule("Klaviyo key", ("pk_",), _START + r"pk_(?:[A-Za-z0-9]{6}_)?[a-f0-9]{34}(?![A-Za-z0-9])"),
    _prefixed("Linear key", "lin_api_ lin_oauth_ lin_wh_", 30, _ALNUM),
    _prefixed("Notion token", "ntn_ secret_", 40, _ALNUM),
    _prefixed("Figma token", "figd_ figo_ figu_ figp_", 30),
    TokenRule("Airtable token", ("pat",), _START + r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    TokenRule("HubSpot token", ("pat-",), _START + r"pat-[a-z]{2}\d-[a-f0-9\-]{36}"),
    TokenRule("Harness token", ("pat.", "sat."), _START + r"[ps]at\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    _prefixed("Asana, Typeform or ReadMe token", "tfp_ rdme_ asana_ ", 30, r"A-Za-z0-9_.=\-"),
    TokenRule("Asana token", ("1/", "2/"), _START + r"[12]/\d{13,20}(?:/\d{13,20})?:[a-f0-9]{32}"),
    TokenRule("LaunchDarkly key", ("sdk-", "api-", "mob-"), _START + r"(?:sdk|api|mob)-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"),
    _prefixed("Contentful token", "CFPAT-", 30),
    _prefixed("Octopus key", "API-", 25, "A-Z0-9"),
    _prefixed("Dropbox token", "sl.", 80),
    _prefixed("Facebook or Square token", "EAAA EAAC EAAM EAAB EAAG", 56),
    TokenRule("Square token", ("EAAA",), _START + r"EAAA[A-Za-z0-9_-]{26}[A-Za-z0-9_-]*+", mixed=True),
    TokenRule("Facebook app token", ("|",), r"(?<![0-9])\d{15,16}\|[A-Za-z0-9_-]{27}[A-Za-z0-9_-]*+", mixed=True),
    _prefixed("Twitter bearer", "AAAAAAAAAAAAAAAAAAAA", 30, "A-Za-z0-9%"),
    _prefixed("Adafruit or Azure key", "aio_", 24, _ALNUM),
    # Monitoring
    _prefixed("Grafana token", "glsa_ glc_", 24, r"A-Za-z0-9_+/=\-"),
    _prefixed("Grafana key", "eyJrIjoi", 40, _BASE64),
    _prefixed("Sentry token", "sntrys_ sntryu_ sntrya_", 24, _BASE64),
    _prefixed("New Relic key", "NRAK- NRII- NRIQ- NRJS- NRBR- NRRA- NRAA- NRSP-", 16),
    _prefixed("Dynatrace token", "dt0c01. dt0s01. dt0s02. dt0s16.", 24, r"A-Za-z0-9_.\-"),
    TokenRule("New Relic key", ("NRAL", "-NRMA"), _START + r"(?:eu01xx[a-f0-9]{26}|[a-f0-9]{32,36})(?:FFFF)?NRAL|(?:AA|eu01xx)[a-f0-9]{36,40}-NRMA"),
    _prefixed("PostHog key", "phx_", 30),
    _prefixed("Honeycomb or Axiom key", "hcaik_ hcalk_ hcxik_ hcxlk_ hcamk_ xaat- xapt-", 32),
    TokenRule("MaxMind key", ("_mmk",), _START + r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    # Keys and hashes
    TokenRule("private key in Base64", ("LS0tLS1CRUdJTi", "b3BlbnNzaC1rZXkt", "MII", "MIGHAgEA", "MC4CAQAw", "MHcCAQEE", "MHQCAQEE"), _START
              + r"(?:LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJ|BFQyBQUklW|BPUEVOU1NI|BFTkNSWVBU|BEU0Eg)|b3BlbnNzaC1rZXktdjE|MII[A-Za-z0-9+/]{3}IBA(?:DANBgkq|AK[BC])"
              r"|MIGHAgEAMBMG|MC4CAQAwBQYDK2Vw|MH[cQ]CAQEE)[A-Za-z0-9+/=_\-]{24}[A-Za-z0-9+/=_\-]*+"),
    _prefixed("age key", "AGE-SECRET-KEY-1 AGE-PLUGIN-", 20, "A-Z0-9-"),
    _prefixed("NATS seed", "SUA SAA SOA SCA SNA", 54, "A-Z2-7"),
    _prefixed("PASETO token", "v1.local. v2.local. v3.local. v4.local. v2.public. v4.public.", 40, r"A-Za-z0-9_.\-"),
    _prefixed("wallet key", "xprv zprv yprv", 90, _ALNUM),
    TokenRule("password hash", ("$",), r"\$(?:1|2[abxy]|5|6|7|y|apr1|argon2(?:id?|d)|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[A-Za-z0-9./$,=+\-]{20}[A-Za-z0-9./$,=+\-]*+"),
    TokenRule("password hash", ("}",), r"(?:\{(?:S?SHA(?:256|384|512)?|SSHA\d{0,3}|S?MD5|PBKDF2[\w-]{0,10}|ARGON2|CRYPT|BCRYPT)\})[A-Za-z0-9+/_=.$-]{16}[A-Za-z0-9+/_=.$-]*+"),
    TokenRule("password hash", ("pbkdf2_sha", "scrypt:", "pbkdf2:"), _START + r"(?:pbkdf2_sha\d{1,3}|scrypt|pbkdf2)[$:][\w:]{1,30}\$[^\s\"'$]{1,64}\$[A-Za-z0-9+/=]{20}[A-Za-z0-9+/=]*+"),
    TokenRule("password hash", ("SCRAM-SHA",), r"SCRAM-SHA-(?:1|256)\$\d{1,6}:[A-Za-z0-9+/=]{8}[A-Za-z0-9+/=$:]*+"),
    TokenRule("Swarm token", ("SWMTKN-1-",), _START + r"SWMTKN-1-[a-z0-9-]{40}[a-z0-9-]*+"),
    TokenRule("NGC key", (":",), _START + r"[a-z0-9]{26}:[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"),
    TokenRule("Azure signature", ("SharedAccessSignature",), r"(?<=SharedAccessSignature )[^\s\"']{20}[^\s\"']*+"),
)
# fmt: on
# Lines that follow belong to it if they have only its characters, of all kinds.
_JWT = re.compile(
    _START + r"eyJ[A-Za-z0-9_\-]{8}[A-Za-z0-9_\-]*+(?:\.[A-Za-z0-9_\-]*+){0,4}"
    r"(?:\r?\n[ \t]{0,40}+(?=[^\s0-9]{0,60}[0-9])(?=[^\sa-z]{0,60}[a-z])(?=[^\sA-Z]{0,60}[A-Z])[A-Za-z0-9_.\-]{20}[A-Za-z0-9_.\-]*+(?=[\"',;]|\s*$|[ \t]*\r?\n)){0,60}"
)
# An unknown prefix before a random sequence: upper case, lower case and digits alternate too
# often for a name. Hashes are hexadecimal, and text in a path or in Base64 has no such prefix.
_UNKNOWN = re.compile(
    r"(?<![\w/+.=%-])(?!_Z|sha\d|md5)[A-Za-z]{1,12}\d{0,2}(?:[_-][A-Za-z0-9]{1,8}){0,2}[_-](?P<random>[A-Za-z0-9]{32}[A-Za-z0-9]*+)"
)
_CHANGE = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[0-9])|[0-9](?=[A-Za-z])")
_LONG = re.compile(r"[^\s\"',;<>()]{15,}")
# Visa; Maestro and Mastercard; Mir and Mastercard; JCB; RuPay, UnionPay, Discover, Maestro; American Express
_CARD = re.compile(
    r"(?<![\w.,+-])(?:4\d{3}|5[0-8]\d\d|2(?:20[0-4]|22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)|35(?:2[89]|[3-8]\d)|6(?:[0257]\d\d|4[4-9]\d)"
    r"|3[47]\d\d(?=[ -]?\d{6}[ -]?\d{5}\b))([ -]?)\d{4}(?:\1\d{4}\1\d{4}|\d\d\1\d{5})(?![\w+-]|[.,]\d)"
)
_JWT_BASE64 = re.compile(_START + r"ZXlK[A-Za-z0-9+/]{40}[A-Za-z0-9+/=]*+")


# One loop over all needles, because any() for each rule takes ten times as long.
_BY_NEEDLE = tuple((needle, rule) for rule in RULES for needle in rule.needles)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled at its first use and kept, because re's own cache is too small for all patterns."""
    return re.compile(pattern)


def mask_tokens(text: str, replace: Replace) -> str:
    """The text with every token replaced by ``replace(kind, token)``."""
    if "eyJ" in text:
        text = _JWT.sub(lambda found: replace("JSON web token", found[0]) if _is_jwt(found[0]) else found[0], text)
    if "ZXlK" in text:
        text = _JWT_BASE64.sub(lambda found: replace("JSON web token", found[0]), text)
    words = "\n".join(_LONG.findall(text))  # a token is a long word, so in most logs little is left to search
    last = None
    for needle, rule in _BY_NEEDLE if words else ():
        if needle in words and rule is not last:
            last = rule
            text = compiled(rule.pattern).sub(lambda found, rule=rule: _replaced(rule, found[0], replace), text)  # type: ignore[misc]
    text = _CARD.sub(lambda found: replace("card number", found[0]) if _is_card(found[0]) else found[0], text)
    return _UNKNOWN.sub(
        lambda found: replace("token", found[0]) if looks_generated(found["random"]) else found[0], text
    )


def _is_card(number: str) -> bool:
    """Whether the last digit is the check digit (Luhn), as it is in one of ten other numbers."""
    digits = [int(one) for one in reversed(number) if one.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * one, 10)) for one in digits[1::2]) % 10


def looks_generated(run: str) -> bool:
    """Whether upper case, lower case and digits alternate too often for a name."""
    part = run[:64]
    changes = len(_CHANGE.findall(part))
    if any(map(str.isupper, run)) and any(map(str.islower, run)):
        return changes > 0.3 * len(part)
    # In one case: longer, and not a hash.
    return changes > 0.25 * len(part) >= 10 and not set(part.lower()) <= set("0123456789abcdef")


def _replaced(rule: TokenRule, token: str, replace: Replace) -> str:
    if rule.mixed and not (any(map(str.isdigit, token)) and _has_random_part(token)):
        return token
    return replace(rule.kind, token)


def _has_random_part(token: str) -> bool:
    return any(len(part) >= 12 and any(map(str.isdigit, part)) for part in re.split(r"[-_.]", token))


def _is_jwt(token: str) -> bool:
    head, _, rest = token.partition(".")
    return rest.startswith("eyJ") or (rest.count(".") >= 1 and len(head) >= 12 and len(rest) >= 20)
