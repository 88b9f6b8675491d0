//! Why an item is not `pass`: a closed list, because it becomes a label value.

macro_rules! reasons {
    ($($variant:ident = $text:literal, $meaning:literal;)*) => {
        /// The only failure detail that may be a label. Everything else goes into the sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)*
        }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The label value.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $text,)* }
            }

            /// What it means, in one sentence for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$variant => $meaning,)* }
            }

            /// The reason with this label value, if there is one.
            pub fn parse(text: &str) -> Option<Reason> {
                match text { $($text => Some(Reason::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    Refused = "refused", "The target refused the connection.";
    Timeout = "timeout", "The target did not answer within its deadline.";
    Dns = "dns", "The name of the target did not resolve.";
    Unreachable = "unreachable", "There is no route to the target.";
    Reset = "reset", "The target closed or reset the connection.";
    Protocol = "protocol", "The target answered something that is not the expected protocol.";
    TooLarge = "too_large", "The answer was larger than the limit.";
    TlsHandshake = "tls_handshake", "The TLS handshake failed.";
    TlsExpired = "tls_expired", "A certificate has expired or is not valid yet.";
    TlsExpiring = "tls_expiring", "A certificate expires too soon.";
    TlsName = "tls_name", "The certificate is for another name.";
    TlsUntrusted = "tls_untrusted", "The certificate chain does not end at a trusted root.";
    TlsVersion = "tls_version", "A TLS version outside the allowed range was negotiated or accepted.";
    PlaintextAccepted = "plaintext_accepted", "An unencrypted connection was accepted.";
    Status = "status", "The status of the answer is not an expected one.";
    Redirect = "redirect", "The redirect is not the expected one, or there were too many.";
    Assertion = "assertion", "A condition about what was observed is false.";
    Latency = "latency", "The answer came later than allowed.";
    AuthRejected = "auth_rejected", "The target refused the credential of the exporter.";
    AuthAccepted = "auth_accepted", "A credential that must be refused was accepted.";
    PermissionDenied = "permission_denied", "The exporter is not permitted to look.";
    Missing = "missing", "What must exist does not.";
    Invalid = "invalid", "What exists is malformed.";
    TooOld = "too_old", "The evidence is older than allowed.";
    ExitStatus = "exit_status", "The command ended with an unexpected status.";
    Query = "query", "The target answered the query with an error.";
    TooFew = "too_few", "Fewer inputs pass than are required.";
    NoData = "no_data", "There was nothing to judge.";
    Unmapped = "unmapped", "No check is defined for this item, or its kind is not built.";
    Unconfigured = "unconfigured", "A target, parameter or credential is not configured.";
    NotEnabled = "not_enabled", "The check changes or loads its target and has not been enabled.";
    Pending = "pending", "The item has not been evaluated yet, or not since what it depends on came back.";
    DefinitionChanged = "definition_changed", "The check was changed and has not been evaluated since.";
    ExpressionError = "expression_error", "A condition could not be evaluated, for example because a field is missing.";
    ObserverTimeout = "observer_timeout", "The exporter cut the run off after its deadline.";
    Internal = "internal", "The exporter itself failed; this is a bug.";
    Overdue = "overdue", "The last evaluation is too long ago.";
    AttestationMissing = "attestation_missing", "Nobody has attested this item.";
    AttestationExpired = "attestation_expired", "The attestation has expired.";
    AttestationInvalid = "attestation_invalid", "The attestation, its evidence or its signature does not hold.";
    Dependency = "dependency", "An item this one depends on is not passing.";
    Waiver = "waiver", "The risk is accepted until the waiver expires.";
    Inapplicable = "inapplicable", "The condition under which the item applies is not met.";
    Other = "other", "Something that has no reason of its own; the sentence says what.";
}

impl Reason {
    /// Whether nobody has said how or where to look: work to be done, not something that broke.
    pub fn is_unset(self) -> bool {
        matches!(self, Reason::Unmapped | Reason::Unconfigured | Reason::NotEnabled)
    }
}
