//! Vendors' documented shapes: what a key begins with, what it looks like, where that is written.
//!
//! One row a shape. A new one needs the vendor's own page; what no vendor documents is an
//! assignment or a rule of the operator's.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use super::Hit;
use super::checks::Check;
use super::values::is_placeholder;

/// Bytes of a text that one shape looks at, from where it begins.
const BYTES_MAX: usize = 4096;

/// The same for a private key, which is the longest.
const KEY_BYTES_MAX: usize = 20_000;

/// A vendor's documented shape.
pub struct Shape {
    /// What it is, in the words of `[secret:KIND]`.
    pub kind: &'static str,
    /// What it begins with (or what stands in it, with `back`); one of these is searched first.
    pub literals: &'static [&'static str],
    /// The whole of it, from where it begins. The first group, where there is one, is the value.
    pattern: &'static str,
    /// Where the vendor says so.
    pub source: &'static str,
    /// What is looked at beyond the pattern.
    pub check: Check,
    /// Whether it is a secret for sure; otherwise a person is asked.
    pub hard: bool,
    /// Whether a letter or digit in front makes it another word.
    word: bool,
    /// What may stand before the literal and belongs to the secret, and how much of it.
    back: Option<(Bytes, usize)>,
    bytes_max: usize,
}

/// A class of bytes that a shape may begin with, before its literal.
#[derive(Clone, Copy)]
enum Bytes {
    Digits,
    Hex,
    Scheme,
    Word,
}

impl Bytes {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Scheme => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-'),
        }
    }
}

impl Shape {
    const fn new(
        kind: &'static str,
        literals: &'static [&'static str],
        pattern: &'static str,
        source: &'static str,
    ) -> Self {
        Self {
            kind,
            literals,
            pattern,
            source,
            check: Check::Shape,
            hard: true,
            word: true,
            back: None,
            bytes_max: BYTES_MAX,
        }
    }

    const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    const fn soft(mut self) -> Self {
        self.hard = false;
        self
    }

    const fn anywhere(mut self) -> Self {
        self.word = false;
        self
    }

    const fn back(mut self, bytes: Bytes, max: usize) -> Self {
        self.back = Some((bytes, max));
        self
    }

    const fn bytes_max(mut self, max: usize) -> Self {
        self.bytes_max = max;
        self
    }

    /// Looks whether the shape stands where one of its literals was found.
    pub fn hit(&self, index: usize, text: &[u8], literal: usize) -> Option<Hit> {
        let start = self.start(text, literal)?;
        let piece = &text[start..text.len().min(start + self.bytes_max)];
        let regex = compiled(index);
        let found = if regex.captures_len() > 1 {
            let captures = regex.captures(piece)?;
            captures.get(1).or_else(|| captures.get(0))?.range()
        } else {
            regex.find(piece)?.range()
        };
        let value = String::from_utf8_lossy(&piece[found.clone()]);
        if is_placeholder(&value) {
            return None;
        }
        let holds = self.check.holds(&value);
        (holds || self.check.asks_when_wrong()).then_some(Hit {
            kind: self.kind,
            start: start + found.start,
            end: start + found.end,
            hard: self.hard && holds,
        })
    }

    fn start(&self, text: &[u8], literal: usize) -> Option<usize> {
        let before = |at: usize| at.checked_sub(1).map(|at| text[at]);
        let start = match self.back {
            None => literal,
            Some((bytes, max)) => {
                let least = literal.saturating_sub(max);
                (least..literal).rev().take_while(|at| bytes.has(text[*at])).last()?
            }
        };
        let joins = before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (!self.word || !joins).then_some(start)
    }
}

/// Every shape, by vendor.
pub const SHAPES: &[Shape] = &[
    // What no vendor owns.
    Shape::new("private-key", &["-----BEGIN "], PRIVATE_KEY, "https://www.rfc-editor.org/rfc/rfc7468")
        .anywhere()
        .bytes_max(KEY_BYTES_MAX),
    Shape::new(
        "private-key",
        &["PuTTY-User-Key-File-"],
        r"PuTTY-User-Key-File-[123]: [^\n]{1,80}(?:\n[^\n]{0,200}){1,80}?\nPrivate-Lines: \d+(?:\s+[A-Za-z0-9+/=]{4,80}){1,80}",
        "https://the.earth.li/~sgtatham/putty/0.81/htmldoc/AppendixC.html",
    )
    .bytes_max(KEY_BYTES_MAX),
    Shape::new("url-password", &["://"], URL, "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1")
        .anywhere()
        .back(Bytes::Scheme, 24),
    Shape::new("authorization", &["uthorization", "UTHORIZATION"], AUTHORIZATION, RFC_AUTHORIZATION)
        .anywhere()
        .check(Check::Random),
    Shape::new("authorization", &["Basic ", "basic "], r"[Bb]asic +([A-Za-z0-9+/]{8,1000}={0,2})", RFC_BASIC)
        .check(Check::BasicPair),
    Shape::new("authorization", &["Bearer ", "bearer "], r"[Bb]earer +([A-Za-z0-9._~+/=-]{16,4000})", RFC_BEARER)
        .check(Check::Random)
        .soft(),
    Shape::new(
        "password",
        &["curl "],
        r#"curl [^\n]{0,200}?(?:-u|--user)[ =]{0,2}["']?[^\s:"'$]{0,80}:([^\s"'$]{4,100})"#,
        "https://curl.se/docs/manpage.html#-u",
    )
    .soft(),
    Shape::new(
        "cookie",
        &["ookie: ", "OOKIE: "],
        r"(?i)ookie: +(?:[^=;\s]{1,60}=[^;\s]{0,15};[ \t]*){0,10}[^=;\s]{1,60}=([^;\s]{16,2000})",
        "https://www.rfc-editor.org/rfc/rfc6265",
    )
    .anywhere()
    .check(Check::Random)
    .soft(),
    Shape::new(
        "jwt",
        &["eyJ"],
        r"eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{2,2000}\.[A-Za-z0-9_-]{8,2000}",
        "https://www.rfc-editor.org/rfc/rfc7519",
    )
    .check(Check::Jwt),
    Shape::new(
        "age-key",
        &["AGE-SECRET-KEY-1"],
        r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}",
        "https://github.com/C2SP/C2SP/blob/main/age.md",
    )
    .check(Check::Bech32),
    Shape::new(
        "nats-seed",
        &["SU", "SA", "SO", "SN", "SC", "SX"],
        r"S[ACNOUX][A-Z2-7]{56}\b",
        "https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth",
    )
    .check(Check::Crc16Base32),
    // Clouds.
    Shape::new(
        "aws-key-id",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        r"A(?:KI|SI|BI|CC)A[A-Z2-7]{16}\b",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    Shape::new("azure-key", &["AccountKey="], r"AccountKey=([A-Za-z0-9+/]{86}==)", AZURE_STORAGE),
    Shape::new("azure-key", &["SharedAccessKey="], r"SharedAccessKey=([A-Za-z0-9+/]{43}=)", AZURE_EVENTS),
    Shape::new(
        "azure-secret",
        &["Q~"],
        r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
        "https://learn.microsoft.com/purview/sit-defn-azure-ad-client-secret",
    )
    .back(Bytes::Word, 4),
    Shape::new("google-key", &["AIza"], r"AIza[A-Za-z0-9_-]{35}", GOOGLE_KEYS).check(Check::Random),
    Shape::new("google-secret", &["GOCSPX-"], r"GOCSPX-[A-Za-z0-9_-]{28}", GOOGLE_OAUTH),
    Shape::new("google-token", &["ya29."], r"ya29\.[A-Za-z0-9_-]{30,1000}", GOOGLE_OAUTH),
    Shape::new("google-token", &["1//0"], r"1//0[A-Za-z0-9_-]{40,200}", GOOGLE_OAUTH).check(Check::Random),
    Shape::new(
        "digitalocean-token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"do[opr]_v1_[0-9a-f]{64}",
        "https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    ),
    Shape::new("alibaba-key-id", &["LTAI"], r"LTAI[A-Za-z0-9]{12,20}\b", ALIBABA).check(Check::Random),
    Shape::new("tencent-key-id", &["AKID"], r"AKID[A-Za-z0-9]{32}\b", TENCENT).check(Check::Random),
    Shape::new("heroku-key", &["HRKU-"], r"HRKU-[A-Za-z0-9_-]{36,80}", HEROKU),
    Shape::new("cloudflare-key", &["v1.0-"], r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}", CLOUDFLARE),
    Shape::new("fly-token", &["fo1_", "fm2_", "fm1"], r"f(?:o1_[A-Za-z0-9_-]{43}|m[12][ar]?_[A-Za-z0-9+/]{60,3000}={0,3})", FLY),
    Shape::new(
        "tailscale-key",
        &["tskey-"],
        r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{6,40}-?[A-Za-z0-9]{6,64}",
        "https://tailscale.com/kb/1277/key-prefixes",
    ),
    Shape::new("vault-token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{24,500}", VAULT).check(Check::Random),
    Shape::new("terraform-token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", TERRAFORM)
        .back(Bytes::Word, 14),
    Shape::new("pulumi-token", &["pul-"], r"pul-[0-9a-f]{40}\b", PULUMI),
    Shape::new("doppler-token", &["dp."], r"dp\.(?:ct|pt|st|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}\b", DOPPLER),
    Shape::new("planetscale-token", &["pscale_"], r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,64}", PLANETSCALE),
    Shape::new("supabase-key", &["sbp_", "sb_secret_"], r"sb(?:p_[0-9a-f]{40}|_secret_[A-Za-z0-9_-]{31})\b", SUPABASE),
    Shape::new("databricks-token", &["dapi"], r"dapi[0-9a-f]{32}(?:-\d)?\b", DATABRICKS),
    Shape::new("1password-token", &["ops_eyJ"], r"ops_eyJ[A-Za-z0-9+/_-]{100,3000}={0,2}", ONEPASSWORD),
    Shape::new("1password-key", &["A3-"], r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b", ONEPASSWORD),
    // Code and packages.
    Shape::new(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"gh[opsur]_[A-Za-z0-9]{36}\b",
        "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/",
    )
    .check(Check::Crc32Base62),
    // Longer ones are announced, and say nothing of a checksum.
    Shape::new(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"gh[opsur]_[A-Za-z0-9]{37,255}\b",
        GITHUB,
    )
    .check(Check::Random),
    Shape::new("github-token", &["github_pat_"], r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b", GITHUB),
    Shape::new(
        "gitlab-token",
        &["glpat-", "gldt-", "glrt-", "glrtr-", "glptt-", "glft-", "glcbt-", "glagent-", "glimt-", "glsoat-", "gloas-", "glffct-", "glwt-"],
        r"gl(?:pat|dt|rtr?|ptt|ft|cbt|agent|imt|soat|oas|ffct|wt)-[A-Za-z0-9_-]{20,255}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    )
    .check(Check::Random),
    Shape::new("npm-token", &["npm_"], r"npm_[A-Za-z0-9]{36}\b", NPM).check(Check::Crc32Base62),
    Shape::new("npm-token", &["_authToken="], r#"_authToken=["']?([A-Za-z0-9_-]{20,255})"#, NPMRC).anywhere().check(Check::Random),
    Shape::new("pypi-token", &["pypi-AgE"], r"pypi-AgE[A-Za-z0-9_-]{40,1000}", "https://pypi.org/help/#apitoken"),
    Shape::new("rubygems-key", &["rubygems_"], r"rubygems_[0-9a-f]{48}\b", RUBYGEMS),
    Shape::new("crates-token", &["cio"], r"cio[A-Za-z0-9]{32}\b", CRATES).check(Check::Random),
    Shape::new("nuget-key", &["oy2"], r"oy2[a-z0-9]{43}\b", NUGET).check(Check::Random),
    Shape::new("clojars-token", &["CLOJARS_"], r"CLOJARS_[0-9a-f]{60}\b", CLOJARS),
    Shape::new("docker-token", &["dckr_pat_", "dckr_oat_"], r"dckr_[po]at_[A-Za-z0-9_-]{27,64}", DOCKER),
    Shape::new("jfrog-key", &["AKCp"], r"AKCp[A-Za-z0-9]{69}\b", JFROG),
    Shape::new("jfrog-token", &["cmVmdGtu"], r"cmVmdGtu[A-Za-z0-9]{56}\b", JFROG),
    Shape::new("buildkite-token", &["bkua_"], r"bkua_[0-9a-f]{40}\b", BUILDKITE),
    Shape::new("circleci-token", &["CCIPAT_", "CCIPRJ_"], r"CCIP(?:AT|RJ)_[A-Za-z0-9]{22}_[0-9a-f]{40}\b", CIRCLECI),
    Shape::new("sonar-token", &["squ_", "sqp_", "sqa_"], r"sq[upa]_[0-9a-f]{40}\b", SONAR),
    Shape::new("sourcegraph-token", &["sgp_"], r"sgp_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}\b", SOURCEGRAPH),
    Shape::new("sentry-token", &["sntrys_", "sntryu_"], r"sntry(?:u_[0-9a-f]{64}|s_eyJ[A-Za-z0-9+/=_]{60,1000})", SENTRY),
    Shape::new("postman-key", &["PMAK-"], r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}\b", POSTMAN),
    Shape::new("atlassian-token", &["ATATT3", "ATCTT3", "ATBB"], r"AT(?:(?:ATT|CTT)3[A-Za-z0-9_=-]{180,220}|BB[A-Za-z0-9]{32}\b)", ATLASSIAN),
    // Language models.
    Shape::new("anthropic-key", &["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{20,255}", ANTHROPIC).check(Check::Random),
    Shape::new("openai-key", &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"], r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,255}", OPENAI)
        .check(Check::Random),
    Shape::new("openai-key", &["sk-"], r"sk-[A-Za-z0-9]{32,255}\b", OPENAI).check(Check::Random),
    Shape::new("openrouter-key", &["sk-or-v1-"], r"sk-or-v1-[0-9a-f]{64}\b", OPENROUTER),
    Shape::new("huggingface-token", &["hf_", "api_org_"], r"(?:hf|api_org)_[A-Za-z]{34}\b", HUGGINGFACE),
    Shape::new("replicate-token", &["r8_"], r"r8_[A-Za-z0-9]{37}\b", REPLICATE),
    Shape::new("groq-key", &["gsk_"], r"gsk_[A-Za-z0-9]{52}\b", GROQ),
    Shape::new("xai-key", &["xai-"], r"xai-[A-Za-z0-9]{80}\b", XAI),
    Shape::new("perplexity-key", &["pplx-"], r"pplx-[A-Za-z0-9]{48}\b", PERPLEXITY),
    Shape::new("nvidia-key", &["nvapi-"], r"nvapi-[A-Za-z0-9_-]{60,70}", NVIDIA),
    // People and mail.
    Shape::new("slack-token", &["xox"], r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,255}", SLACK).check(Check::Random),
    Shape::new("slack-token", &["xapp-", "xwfp-"], r"x(?:app-\d|wfp)-[A-Za-z0-9-]{20,255}", SLACK).check(Check::Random),
    Shape::new(
        "slack-webhook",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,28}|(?:workflows|triggers)/[A-Z0-9]{6,14}/[A-Za-z0-9/]{20,80})",
        "https://api.slack.com/messaging/webhooks",
    ),
    Shape::new(
        "discord-token",
        &["MD", "MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"],
        r"[MNO][DTjz][A-Za-z0-9_-]{21,26}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",
        DISCORD,
    )
    .check(Check::Snowflake),
    Shape::new("discord-webhook", &["/api/webhooks/"], r"/api/webhooks/\d{17,20}/([A-Za-z0-9_-]{60,72})", DISCORD).anywhere(),
    Shape::new("telegram-token", &[":AA"], r"\d{8,10}:AA[A-Za-z0-9_-]{33}", "https://core.telegram.org/bots/api#authorizing-your-bot")
        .back(Bytes::Digits, 10)
        .check(Check::Random),
    Shape::new("teams-webhook", &[".webhook.office.com/"], r"\.webhook\.office\.com/webhookb2/[0-9a-f@-]{36,80}/IncomingWebhook/([0-9a-f]{32}/[0-9a-f-]{36})", TEAMS)
        .anywhere(),
    Shape::new("sendgrid-key", &["SG."], r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{32,128}", SENDGRID),
    Shape::new("twilio-key", &["SK"], r"SK[0-9a-f]{32}\b", "https://www.twilio.com/docs/iam/api-keys"),
    Shape::new("mailgun-key", &["key-"], r"key-[0-9a-f]{32}\b", MAILGUN),
    Shape::new("mailchimp-key", &["-us"], r"[0-9a-f]{32}-us\d{1,2}\b", MAILCHIMP).back(Bytes::Hex, 32),
    Shape::new("brevo-key", &["xkeysib-", "xsmtpsib-"], r"x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}\b", BREVO),
    Shape::new("resend-key", &["re_"], r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b", RESEND),
    Shape::new("notion-token", &["ntn_", "secret_"], r"(?:ntn_\d{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})\b", NOTION).check(Check::Random),
    Shape::new("linear-key", &["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}\b", LINEAR),
    Shape::new("airtable-token", &["pat"], r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b", AIRTABLE),
    Shape::new("figma-token", &["figd_"], r"figd_[A-Za-z0-9_-]{40}", FIGMA).check(Check::Random),
    Shape::new("dropbox-token", &["sl."], r"sl\.(?:u\.)?[A-Za-z0-9_-]{130,1500}", DROPBOX),
    Shape::new("mapbox-token", &["sk.eyJ"], r"sk\.eyJ[A-Za-z0-9_-]{30,200}\.[A-Za-z0-9_-]{20,60}", MAPBOX),
    // Money and shops.
    Shape::new("stripe-key", &["sk_live_", "rk_live_"], r"[rs]k_live_[A-Za-z0-9]{16,255}\b", "https://docs.stripe.com/keys"),
    Shape::new("stripe-key", &["sk_test_", "rk_test_"], r"[rs]k_test_[A-Za-z0-9]{16,255}\b", "https://docs.stripe.com/keys").soft(),
    Shape::new("stripe-key", &["whsec_"], r"whsec_[A-Za-z0-9+/]{32,64}={0,2}", "https://docs.stripe.com/webhooks"),
    Shape::new("square-key", &["sq0atp-", "sq0csp-"], r"sq0(?:atp-[A-Za-z0-9_-]{22}|csp-[A-Za-z0-9_-]{43})", SQUARE),
    Shape::new("square-key", &["EAAA"], r"EAAA[lE][A-Za-z0-9_-]{59}\b", SQUARE).check(Check::Random).soft(),
    Shape::new("shopify-token", &["shpat_", "shpca_", "shppa_", "shpss_", "shpua_"], r"shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32}\b", SHOPIFY),
    Shape::new("paypal-token", &["access_token$"], r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[0-9a-f]{32}\b", BRAINTREE),
    Shape::new("easypost-key", &["EZAK", "EZTK"], r"EZ[AT]K[A-Za-z0-9]{54}\b", EASYPOST),
    Shape::new("flutterwave-key", &["FLWSECK"], r"FLWSECK(?:_TEST|_PROD)?-[0-9a-zA-Z]{12,40}-X\b", FLUTTERWAVE),
    Shape::new("plaid-token", &["access-"], r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", PLAID),
    // What watches.
    Shape::new("grafana-token", &["glsa_"], r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b", GRAFANA).check(Check::Crc32Hex),
    Shape::new("grafana-token", &["glc_"], r"glc_eyJ[A-Za-z0-9+/]{40,400}={0,2}", GRAFANA),
    Shape::new("newrelic-key", &["NRAK-", "NRAA-", "NRJS-", "NRII-"], r"NR(?:AK-[A-Z0-9]{27}|AA-[0-9a-f]{27}|JS-[0-9a-f]{19}|II-[A-Za-z0-9_-]{32})", NEWRELIC),
    Shape::new("dynatrace-token", &["dt0c01.", "dt0s01."], r"dt0[cs]01\.[A-Z2-7]{24}\.[A-Z2-7]{64}\b", DYNATRACE),
    Shape::new("adafruit-key", &["aio_"], r"aio_[A-Za-z0-9]{28}\b", ADAFRUIT),
    Shape::new("contentful-token", &["CFPAT-"], r"CFPAT-[A-Za-z0-9_-]{43}", CONTENTFUL),
];

const PRIVATE_KEY: &str = concat!(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
    r#"(?:(?:[A-Za-z0-9+/=:,.>()\s\\_'"`]|-[A-Za-z0-9]){32,}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"#,
    r"|[\s>\\n]{0,16}[A-Za-z0-9+/=]{32,}[A-Za-z0-9+/=\s\\>]*)",
);
const URL: &str =
    r#"(?i)[a-z][a-z0-9+.-]{1,20}://[^\s/:@<>"'?#]{0,100}:([^\s/@<>"'?#\\]{2,200})@[a-z0-9\[%$({]"#;
const AUTHORIZATION: &str = r#"(?i)uthorization["']?\s{0,4}[:=,]\s{0,4}["']?(?:bearer|basic|token|(?:api-?)?key|api-token)\s{1,4}([a-z0-9._~+/=-]{8,4000})"#;

const RFC_AUTHORIZATION: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2";
const RFC_BASIC: &str = "https://www.rfc-editor.org/rfc/rfc7617";
const RFC_BEARER: &str = "https://www.rfc-editor.org/rfc/rfc6750";
const ADAFRUIT: &str = "https://io.adafruit.com/api/docs/#authentication";
const AIRTABLE: &str = "https://airtable.com/developers/web/api/authentication";
const ALIBABA: &str = "https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair";
const ANTHROPIC: &str = "https://docs.anthropic.com/en/api/overview";
const ATLASSIAN: &str =
    "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/";
const AZURE_EVENTS: &str = "https://learn.microsoft.com/azure/event-hubs/event-hubs-get-connection-string";
const AZURE_STORAGE: &str =
    "https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string";
const BRAINTREE: &str =
    "https://developer.paypal.com/braintree/articles/control-panel/important-gateway-credentials";
const BREVO: &str = "https://developers.brevo.com/docs/getting-started";
const BUILDKITE: &str = "https://buildkite.com/docs/apis/managing-api-tokens";
const CIRCLECI: &str = "https://circleci.com/docs/managing-api-tokens/";
const CLOJARS: &str = "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens";
const CLOUDFLARE: &str = "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys/";
const CONTENTFUL: &str = "https://www.contentful.com/developers/docs/references/authentication/";
const CRATES: &str = "https://github.com/rust-lang/crates.io/blob/main/src/util/token.rs";
const DATABRICKS: &str = "https://docs.databricks.com/dev-tools/auth/pat.html";
const DISCORD: &str = "https://discord.com/developers/docs/reference";
const DOCKER: &str = "https://docs.docker.com/security/access-tokens/";
const DOPPLER: &str = "https://docs.doppler.com/reference/auth-token-formats";
const DROPBOX: &str = "https://developers.dropbox.com/oauth-guide";
const DYNATRACE: &str = "https://docs.dynatrace.com/docs/discover-dynatrace/references/dynatrace-api/basics/dynatrace-api-authentication";
const EASYPOST: &str = "https://docs.easypost.com/docs/authentication";
const FIGMA: &str = "https://www.figma.com/developers/api#access-tokens";
const FLUTTERWAVE: &str = "https://developer.flutterwave.com/docs/authentication";
const FLY: &str = "https://fly.io/docs/security/tokens/";
const GITHUB: &str = "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github";
const GOOGLE_KEYS: &str = "https://cloud.google.com/docs/authentication/api-keys";
const GOOGLE_OAUTH: &str = "https://developers.google.com/identity/protocols/oauth2";
const GRAFANA: &str = "https://github.com/grafana/grafana/blob/main/pkg/components/satokengen/tokengen.go";
const GROQ: &str = "https://console.groq.com/docs/quickstart";
const HEROKU: &str = "https://devcenter.heroku.com/articles/oauth";
const HUGGINGFACE: &str = "https://huggingface.co/docs/hub/security-tokens";
const JFROG: &str = "https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens";
const LINEAR: &str = "https://developers.linear.app/docs/graphql/working-with-the-graphql-api";
const MAILCHIMP: &str = "https://mailchimp.com/developer/marketing/docs/fundamentals/";
const MAILGUN: &str = "https://documentation.mailgun.com/docs/mailgun/user-manual/get-started/";
const MAPBOX: &str = "https://docs.mapbox.com/help/getting-started/access-tokens/";
const NEWRELIC: &str = "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/";
const NOTION: &str = "https://developers.notion.com/reference/authentication";
const NPM: &str = "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/";
const NPMRC: &str = "https://docs.npmjs.com/cli/configuring-npm/npmrc";
const NUGET: &str = "https://learn.microsoft.com/nuget/nuget-org/publish-a-package";
const NVIDIA: &str = "https://docs.nvidia.com/ngc/gpu-cloud/ngc-user-guide/index.html";
const ONEPASSWORD: &str = "https://developer.1password.com/docs/service-accounts/security/";
const OPENAI: &str = "https://platform.openai.com/docs/api-reference/authentication";
const OPENROUTER: &str = "https://openrouter.ai/docs/api-reference/authentication";
const PERPLEXITY: &str = "https://docs.perplexity.ai/guides/getting-started";
const PLAID: &str = "https://plaid.com/docs/api/tokens/";
const PLANETSCALE: &str = "https://planetscale.com/docs/concepts/service-tokens";
const POSTMAN: &str = "https://learning.postman.com/docs/developer/postman-api/authentication/";
const PULUMI: &str = "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/";
const REPLICATE: &str = "https://replicate.com/docs/reference/http#authentication";
const RESEND: &str = "https://resend.com/docs/api-reference/introduction";
const RUBYGEMS: &str = "https://guides.rubygems.org/api-key-scopes/";
const SENDGRID: &str = "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys";
const SENTRY: &str = "https://docs.sentry.io/account/auth-tokens/";
const SHOPIFY: &str = "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing";
const SLACK: &str = "https://api.slack.com/concepts/token-types";
const SONAR: &str = "https://docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens/";
const SOURCEGRAPH: &str = "https://sourcegraph.com/docs/admin/security/access_tokens";
const SQUARE: &str = "https://developer.squareup.com/docs/build-basics/access-tokens";
const SUPABASE: &str = "https://supabase.com/docs/guides/api/api-keys";
const TEAMS: &str =
    "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook";
const TENCENT: &str = "https://www.tencentcloud.com/document/product/598/32675";
const TERRAFORM: &str =
    "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens";
const VAULT: &str = "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes";
const XAI: &str = "https://docs.x.ai/docs/overview";

/// Returns the pattern of a shape; it is compiled when its literal is seen for the first time.
fn compiled(index: usize) -> &'static Regex {
    static PATTERNS: LazyLock<Vec<OnceLock<Regex>>> =
        LazyLock::new(|| SHAPES.iter().map(|_| OnceLock::new()).collect());
    PATTERNS[index].get_or_init(|| {
        RegexBuilder::new(&format!(r"\A(?:{})", SHAPES[index].pattern))
            .unicode(false)
            .build()
            .expect("the pattern is a constant that the tests compile")
    })
}

/// Returns the table of shapes as Markdown, for the documentation.
pub fn markdown() -> String {
    let mut table = String::from(
        "| kind | begins with | what is checked | class | documented |\n|---|---|---|---|---|\n",
    );
    for shape in SHAPES {
        let literals: Vec<String> =
            shape.literals.iter().map(|literal| format!("`{}`", literal.trim())).collect();
        let class = if shape.hard { "hard" } else { "soft" };
        table.push_str(&format!(
            "| `{}` | {} | {} | {class} | [{}]({}) |\n",
            shape.kind,
            literals.join(" "),
            shape.check.name(),
            host(shape.source),
            shape.source
        ));
    }
    table
}

fn host(url: &str) -> &str {
    let host: Range<usize> = url.find("://").map_or(0, |at| at + 3)..url.len();
    let rest = &url[host];
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_begins_with_its_literal() {
        for (index, shape) in SHAPES.iter().enumerate() {
            let _ = compiled(index);
            assert!(shape.source.starts_with("https://"), "{}", shape.kind);
            assert!(
                shape
                    .kind
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
            assert!(shape.literals.iter().all(|literal| literal.len() >= 2), "{}", shape.kind);
        }
    }

    #[test]
    fn there_are_forty_vendors_and_more() {
        let mut kinds: Vec<&str> = SHAPES.iter().map(|shape| shape.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert!(kinds.len() >= 40, "{}", kinds.len());
    }
}
