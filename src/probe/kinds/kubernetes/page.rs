//! Reading answers: what nobody needs is thrown away while it is read, so that of a page only its text
//! and what is kept of it are in memory, and never a tree of all of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::project::{Keep, weight};
use super::reference::{REFERS, only_refers};
use crate::probe::guard::seal::seal;

/// One page of a list.
pub(super) struct Page {
    /// How to ask for the next; empty after the last.
    pub(super) next: String,
    /// `None` if there is no list in it.
    pub(super) items: Option<Vec<Arc<Value>>>,
    /// About how many bytes they take.
    pub(super) kept: usize,
    /// There are more objects than were to be read.
    pub(super) cut: bool,
}

/// How much of a page is read.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) objects: usize,
    /// The last object may be the one that fills it.
    pub(super) bytes: usize,
}

pub(super) fn object(text: &[u8], keep: &Keep) -> serde_json::Result<Value> {
    whole(text, Kept::of(keep))
}

pub(super) fn page(text: &[u8], keep: &Keep, room: Room) -> serde_json::Result<Page> {
    whole(text, Pages { keep, room })
}

fn whole<'de, S: DeserializeSeed<'de>>(text: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found = seed.deserialize(&mut reader)?;
    reader.end().map(|()| found)
}

/// Reads a value, and keeps of it what it should.
#[derive(Clone, Copy)]
struct Kept<'k> {
    keep: &'k Keep,
    /// It is a variable of a container, or a list of them: what they are called and where they come from is
    /// kept. What is written there may be a secret, so it is sealed as `literal`; empty where it is empty, and
    /// with `REFERS`, the names of others, where what is secret in it comes from them.
    variables: bool,
}

impl<'k> Kept<'k> {
    fn of(keep: &'k Keep) -> Self {
        Self { keep, variables: false }
    }

    fn scalar<T: Into<Value> + ToString>(self, value: T) -> Value {
        if self.keep.is_sealed() { seal(&value.to_string()).into() } else { value.into() }
    }
}

fn literal(value: &Value) -> Value {
    match value.as_str() {
        Some("") => String::new().into(),
        Some(text) => seal(text).into(),
        None => seal(&value.to_string()).into(),
    }
}

impl<'de> DeserializeSeed<'de> for Kept<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kept<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(self.scalar(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(self.scalar(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(self.scalar(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(self.scalar(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(self.scalar(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            kept.push(item);
        }
        kept.shrink_to_fit();
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(Name(name)) = fields.next_key()? {
            if self.variables && name == "value" {
                let value: Value = fields.next_value()?;
                if self.keep.below("literal").is_some() {
                    kept.insert("literal".to_owned(), literal(&value));
                    let refers = value.as_str().and_then(only_refers);
                    kept.extend(refers.map(|names| (REFERS.to_owned(), names.into_iter().collect())));
                }
                continue;
            }
            let Some(keep) = self.keep.below(&name) else {
                fields.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = fields.next_value_seed(Kept { keep, variables: name == "env" })?;
            kept.insert(name.into_owned(), value);
        }
        Ok(Value::Object(kept))
    }
}

/// A name of a field; only one with an escape in it is a copy.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Clone, Copy)]
struct Pages<'k> {
    keep: &'k Keep,
    room: Room,
}

impl<'de> DeserializeSeed<'de> for Pages<'_> {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Page, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pages<'_> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Page, A::Error> {
        let mut page = Page { next: String::new(), items: None, kept: 0, cut: false };
        while let Some(Name(name)) = fields.next_key()? {
            match &*name {
                "metadata" => page.next = fields.next_value::<Option<About>>()?.unwrap_or_default().next,
                "items" => fields.next_value_seed(Items { of: self, page: &mut page })?,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(page)
    }
}

#[derive(Default, serde::Deserialize)]
struct About {
    #[serde(default, rename = "continue")]
    next: String,
}

struct Items<'k, 'p> {
    of: Pages<'k>,
    page: &'p mut Page,
}

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects")
    }

    /// Of an empty list of metadata.
    fn visit_unit<E>(self) -> Result<(), E> {
        self.page.items = Some(Vec::new());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<(), A::Error> {
        let Self { of: Pages { keep, room }, page } = self;
        let mut items = Vec::new();
        while items.len() < room.objects && page.kept <= room.bytes {
            let Some(object) = objects.next_element_seed(Kept::of(keep))? else { break };
            page.kept = page.kept.saturating_add(weight(&object));
            items.push(Arc::new(object));
        }
        while objects.next_element::<IgnoredAny>()?.is_some() {
            page.cut = true;
        }
        page.items = Some(items);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: Room = Room { objects: 10, bytes: 1 << 20 };

    #[test]
    fn a_page_is_read_as_far_as_there_is_room() {
        let keep = Keep::of(["metadata.name"]).unwrap();
        let text = json!({
            "kind": "PodList", "metadata": {"continue": "next", "remainingItemCount": 3},
            "items": [{"metadata": {"name": "a", "uid": "1"}, "spec": [[{}]]}, {"metadata": {"name": "b"}}, {"metadata": {}}],
        })
        .to_string();
        let read = |room: Room| page(text.as_bytes(), &keep, room).unwrap();
        let seen = read(ALL);
        let kept = ["a", "b"].map(|name| Arc::new(json!({"metadata": {"name": name}})));
        let items = seen.items.unwrap();
        assert_eq!((&*seen.next, &items[..2], items.len(), seen.cut), ("next", &kept[..], 3, false));
        let seen = read(Room { objects: 2, ..ALL });
        assert_eq!((seen.items.unwrap().len(), seen.cut), (2, true));
        let seen = read(Room { bytes: 1, ..ALL });
        assert_eq!((seen.items.unwrap().len(), seen.cut), (1, true), "the one that fills it is read");
    }

    #[test]
    fn what_is_no_list_is_none() {
        let keep = Keep::default();
        let read = |text: &str| page(text.as_bytes(), &keep, ALL).map(|page| page.items.map(|items| items.len()));
        assert_eq!(read(r#"{"metadata":null,"items":null}"#).unwrap(), Some(0));
        assert_eq!(read(r#"{"kind":"Pod"}"#).unwrap(), None);
        for text in ["[]", r#"{"items":3}"#, r#"{"items":[]"#, r#"{"items":[]} x"#, "", r#"{"items":[{"a":}]}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn everything_that_json_has_is_read() {
        let value = json!({"a\"b": [null, true, -1, 1, 1.5, "é\n", [], {}], "c": {"d": u64::MAX}});
        assert_eq!(object(value.to_string().as_bytes(), &Keep::default()).unwrap(), value);
    }
}
