//! The codes, each with its meaning. A code is never given a new meaning; a retired one is not
//! used again.

/// A code and what `explain` says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub meaning: &'static str,
}

/// What the code means. Case does not matter.
pub fn explain(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.code.eq_ignore_ascii_case(code))
}

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        impl Code {
            $(#[doc = $meaning] pub const $name: &'static str = $code;)*
        }

        /// All codes, in order.
        pub const CODES: &[Code] = &[$(Code { code: $code, meaning: $meaning },)*];
    };
}

codes! {
    FILE = "RC0001", "A file of the catalogue cannot be read.";
    FILE_SIZE = "RC0002", "A file of the catalogue, or all of them together, is larger than allowed.";
    ENCODING = "RC0003", "A file of the catalogue is not UTF-8, or holds a character YAML does not allow.";
    SYNTAX = "RC0004", "A file of the catalogue is not valid YAML.";
    REFERENCE = "RC0005", "Anchors, aliases, merge keys and tags are not part of the format.";
    DOCUMENTS = "RC0006", "A file holds more than one YAML document.";
    DUPLICATE_KEY = "RC0007", "A key stands twice in the same mapping.";
    LIMIT = "RC0008", "A file is nested too deeply or has too many values.";
    KEY = "RC0009", "A key of a mapping is not a text.";
    INCLUDE = "RC0010", "An include matches no file or is not a valid pattern.";
    INCLUDE_CYCLE = "RC0011", "A file includes itself, directly or through others.";
    UNKNOWN_KEY = "RC0012", "A key is not part of the format at this place.";
    MISSING_KEY = "RC0013", "A required key is missing.";
    TYPE = "RC0014", "A value has the wrong type.";
    VALUE = "RC0015", "A value is outside of what is allowed at this place.";
    DURATION = "RC0016", "A text is not a length of time.";
    TIME = "RC0017", "A text is not an instant with a zone.";
    NAME = "RC0018", "A name holds characters that names may not hold.";
    DUPLICATE = "RC0019", "A name is defined twice.";

    UNKNOWN_CHECKLIST = "RC0101", "No checklist has this id.";
    UNKNOWN_ITEM = "RC0102", "No item has this id.";
    UNKNOWN_SECTION = "RC0103", "The checklist declares no such section.";
    UNKNOWN_TARGET = "RC0104", "The checklist declares no such target.";
    UNKNOWN_PARAMETER = "RC0105", "The checklist declares no such parameter.";
    UNKNOWN_CREDENTIAL = "RC0106", "No credential has this name.";
    UNKNOWN_KIND = "RC0107", "There is no kind of check with this name.";
    NO_SECTION = "RC0108", "No declared section is a prefix of the item's id.";
    CYCLE = "RC0109", "Items depend on each other in a circle.";
    ALIAS = "RC0110", "A former id is the id or the former id of another item.";
    EMPTY_GATE = "RC0111", "No item belongs to the gate, so it could never open.";
    PARAMETER_TYPE = "RC0112", "An override has another type than the default it replaces.";
    PARAMETER_UNSET = "RC0113", "A parameter without a value is used where a value is needed to load the item.";
    PLACEHOLDER = "RC0114", "A `${…}` is not closed or names nothing.";

    NO_KIND = "RC0201", "A check names neither a kind nor a combination.";
    SEVERAL_KINDS = "RC0202", "A check names more than one kind or combination.";
    COMBINATION = "RC0203", "A combination is empty or asks for more inputs than it has.";
    PARAMETERS = "RC0204", "A parameter of a check has the wrong type.";
    FINDING = "RC0205", "The parameters of a check contradict each other or make no sense.";
    EXPRESSION = "RC0206", "A condition or measurement does not compile.";
    LEG_NAME = "RC0207", "Two checks of one item have the same name.";
    TIMEOUT = "RC0208", "A check may take longer than the interval at which it runs.";
    OWNER = "RC0209", "Two checks keep what they leave behind under the same name.";

    PASSWORD = "RC0301", "A password stands in an address; it belongs into a credential.";
    SECRET = "RC0302", "A secret stands in a header; it belongs into a credential.";

    WAIVER_LENGTH = "RC0401", "A waiver runs longer than allowed.";
    WAIVER_DATES = "RC0402", "A waiver expires before it starts.";
    ATTESTATION_FUTURE = "RC0403", "An attestation is dated in the future.";
    ATTESTATION_DATES = "RC0404", "An attestation expires before it was made.";

    UNUSED_CREDENTIAL = "RC0501", "Nothing uses the credential (warning).";
    UNUSED_TARGET = "RC0502", "Nothing uses the target (warning).";
    MODE = "RC0503", "The mode of an item contradicts how it is checked (warning).";
    WAIVER_EXPIRED = "RC0504", "A waiver has expired and has no effect (warning).";
    ATTESTATION_UNUSED = "RC0505", "An attestation is about an item that no attestation can decide (warning).";

    TOO_MANY = "RC0901", "There are more diagnostics than are shown.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_unique_and_explained() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(CODES.iter().all(|code| code.meaning.ends_with('.')));
        assert_eq!(explain("rc0012").map(|code| code.code), Some(Code::UNKNOWN_KEY));
        assert_eq!(explain("RC9999"), None);
    }
}
