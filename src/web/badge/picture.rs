//! How a badge looks: a label and what it says, side by side.

use askama::Template;

/// Left and right of each text, in tenths of a pixel.
const MARGIN: u32 = 70;
/// Advance widths of Verdana and DejaVu Sans at 11 pixels, in tenths of a pixel, from space to tilde.
#[rustfmt::skip]
const WIDTHS: [u8; 95] = [
    35, 44, 51, 92, 70, 105, 86, 30, 43, 43, 55, 92, 35, 40, 35, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 37, 37, 92, 92,
    92, 58, 110, 75, 75, 77, 85, 70, 63, 85, 83, 32, 32, 72, 61, 95, 82, 87, 66, 87, 76, 70, 67, 81, 75, 109, 75, 67, 75, 43,
    37, 43, 92, 55, 55, 67, 70, 60, 70, 68, 39, 70, 70, 31, 31, 64, 31, 107, 70, 67, 70, 70, 45, 57, 43, 70, 65, 90, 65, 65,
    58, 70, 37, 70, 92,
];
/// Of a character outside the table: the widest common ones, so that nothing is squeezed.
const OTHER: u32 = 110;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    /// Not ready everywhere, but all the rest is waived.
    Accepted,
    Bad,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    pub(super) label: String,
    pub(super) says: String,
    pub(super) tone: Tone,
}

#[derive(Template)]
#[template(path = "badge.svg", escape = "html")]
struct Picture {
    badge: Badge,
    colour: &'static str,
    /// All in whole pixels.
    label_width: u32,
    says_width: u32,
    label_text: u32,
    says_text: u32,
    margin: u32,
}

pub(super) fn draw(badge: Badge) -> Result<String, askama::Error> {
    let (label, says) = (width(&badge.label), width(&badge.says));
    let pixels = |tenths: u32| tenths.div_ceil(10);
    let picture = Picture {
        colour: badge.tone.colour(),
        label_width: pixels(label + 2 * MARGIN),
        says_width: pixels(says + 2 * MARGIN),
        label_text: pixels(label),
        says_text: pixels(says),
        margin: pixels(MARGIN),
        badge,
    };
    picture.render()
}

/// In tenths of a pixel.
fn width(text: &str) -> u32 {
    let one = |c: char| {
        let place = u32::from(c).checked_sub(32).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| WIDTHS.get(place)).map_or(OTHER, |width| u32::from(*width))
    };
    text.chars().map(one).sum()
}

impl Tone {
    /// White text is readable on each of them.
    fn colour(self) -> &'static str {
        match self {
            Tone::Good => "#157347",
            Tone::Accepted => "#0b6b86",
            Tone::Bad => "#c02b2b",
            Tone::Unknown => "#5b6675",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_as_wide_as_its_texts() {
        let draw =
            |says: &str| draw(Badge { label: "shop".to_owned(), says: says.to_owned(), tone: Tone::Good }).unwrap();
        assert_eq!(width("shop"), 57 + 70 + 67 + 70);
        assert!(draw("iiii").contains("width=\"68\""), "{}", draw("iiii"));
        assert!(draw("WWWW").contains("width=\"99\""), "{}", draw("WWWW"));
        assert!(width("日本") == 2 * OTHER && width("\n") == OTHER);
    }

    #[test]
    fn it_says_the_same_to_those_who_do_not_see_it() {
        let svg = draw(Badge { label: "shop".to_owned(), says: "9 of 9 ready".to_owned(), tone: Tone::Good }).unwrap();
        assert!(svg.contains("role=\"img\" aria-label=\"shop: 9 of 9 ready\""), "{svg}");
        assert!(svg.contains("<title>shop: 9 of 9 ready</title>"), "{svg}");
        assert!(!svg.contains("http:") || svg.matches("http:").count() == 1, "nothing is loaded: {svg}");
    }
}
