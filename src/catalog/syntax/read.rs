//! Events of the parser to a tree. Duplicate keys are collected, everything else that is not part
//! of the format stops the file: behind a broken line nothing can be trusted.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as EventSpan, options};

use super::{Data, Entry, Node, Place, scalar};
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic, FileId};

pub(crate) const MAX_DEPTH: usize = 32;
pub(crate) const MAX_NODES: usize = 2_000_000;

/// The root of the document; `None` if the file is broken (and the sink says how) or empty.
/// `budget` is the number of nodes that all files of a load may still have.
pub(crate) fn read(file: FileId, text: &str, budget: &mut usize, sink: &Sink) -> Option<Node> {
    let mut options = options! {
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH + 8,
        block_nesting_limit: MAX_DEPTH + 8,
    };
    options.set_emit_comments(false);
    let mut reader = Reader { file, sink, stack: Vec::new(), root: None, documents: 0, end: text.len(), budget };
    let mut parser = Parser::new_from_str_with_options(text, options);
    while let Some(next) = parser.next_event() {
        let taken = match next {
            Ok((event, span)) => reader.take(event, &span),
            Err(error) => Err(reader.broken(&error)),
        };
        if let Err(diagnostic) = taken {
            sink.push(*diagnostic);
            return None;
        }
    }
    // A lone `~` or `null` says no more than nothing at all.
    reader.root.filter(|root| !root.is_null())
}

struct Reader<'a> {
    file: FileId,
    sink: &'a Sink,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    end: usize,
    budget: &'a mut usize,
}

enum Open {
    List(Place, Vec<Node>),
    Map { at: Place, entries: Vec<Entry>, seen: HashMap<Box<str>, Place>, key: Option<(Box<str>, Place)> },
}

type Taken = Result<(), Box<Diagnostic>>;

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: &EventSpan) -> Taken {
        let at = self.place(span);
        if let Some(tag) = event.tag() {
            let message = format!("the tag `{}` is not part of the format", tag.original());
            return refuse(
                Diagnostic::error(Code::REFERENCE, at, message).help("remove it; quote a value to make it a text"),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "the file holds more than one document";
                    return refuse(
                        Diagnostic::error(Code::DOCUMENTS, at, message)
                            .here("a second document starts here")
                            .help("put it into a file of its own and `include` that"),
                    );
                }
            }
            Event::Anchor(..) | Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let message = "anchors and aliases are not part of the format";
                return refuse(
                    Diagnostic::error(Code::REFERENCE, at, message)
                        .help("write the value out, or use `defaults` or a parameter: `${name}`; quote a text that starts with `&` or `*`"),
                );
            }
            Event::Scalar(text, style, ..) => {
                let data = if style == ScalarStyle::Plain { scalar::plain(&text) } else { Data::Text(text.into()) };
                if let Some(Open::Map { key: key @ None, .. }) = self.stack.last_mut() {
                    return Self::key(key, data, at);
                }
                return self.value(Node { at, data });
            }
            Event::SequenceStart(..) => return self.open(Open::List(at, Vec::new()), at),
            Event::MappingStart(..) => {
                let map = Open::Map { at, entries: Vec::new(), seen: HashMap::new(), key: None };
                return self.open(map, at);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // All of a catalogue is in memory at once here, and most mappings have few keys.
                let node = match self.stack.pop() {
                    Some(Open::List(at, mut nodes)) => {
                        nodes.shrink_to_fit();
                        Node { at, data: Data::List(nodes) }
                    }
                    Some(Open::Map { at, mut entries, .. }) => {
                        entries.shrink_to_fit();
                        Node { at, data: Data::Map(entries) }
                    }
                    None => return Ok(()),
                };
                return self.value(node);
            }
            _ => {}
        }
        Ok(())
    }

    fn key(slot: &mut Option<(Box<str>, Place)>, data: Data, at: Place) -> Taken {
        let text = match data {
            Data::Text(text) | Data::Int(_, text) | Data::Float(_, text) => text,
            Data::Bool(value) => value.to_string().into(),
            _ => {
                return refuse(
                    Diagnostic::error(Code::KEY, at, "a key is empty").help("write the name of the key before the `:`"),
                );
            }
        };
        if &*text == "<<" {
            return refuse(
                Diagnostic::error(Code::REFERENCE, at, "merge keys are not part of the format")
                    .help("write the values out, or use `defaults`"),
            );
        }
        *slot = Some((text, at));
        Ok(())
    }

    fn open(&mut self, open: Open, at: Place) -> Taken {
        if matches!(self.stack.last(), Some(Open::Map { key: None, .. })) {
            let message = "a key is a list or a mapping";
            return refuse(
                Diagnostic::error(Code::KEY, at, message)
                    .help("keys are plain names; quote a text that starts with `{` or `[`"),
            );
        }
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} levels deep");
            return refuse(Diagnostic::error(Code::LIMIT, at, message).help("make the structure flatter"));
        }
        self.stack.push(open);
        Ok(())
    }

    fn value(&mut self, node: Node) -> Taken {
        *self.budget = self.budget.checked_sub(1).ok_or_else(|| {
            let message = format!("the catalogue has more than {MAX_NODES} values");
            Box::new(Diagnostic::error(Code::LIMIT, node.at, message).help("split it over several daemons"))
        })?;
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Map { entries, seen, key, .. }) => {
                let Some((name, key_at)) = key.take() else { return Ok(()) };
                if let Some(first) = seen.get(&name) {
                    self.sink.push(
                        Diagnostic::error(Code::DUPLICATE_KEY, key_at, format!("the key `{name}` stands twice"))
                            .here("again here")
                            .also(*first, "first here")
                            .help("remove or rename one of them"),
                    );
                } else {
                    seen.insert(name.clone(), key_at);
                    entries.push(Entry { key: name, key_at, value: node });
                }
            }
        }
        Ok(())
    }

    fn place(&self, span: &EventSpan) -> Place {
        let range = span.byte_range().unwrap_or(0..0);
        let clamp = |offset: usize| u32::try_from(offset.min(self.end)).unwrap_or(u32::MAX);
        Place { file: self.file, start: clamp(range.start), end: clamp(range.end.max(range.start)) }
    }

    fn broken(&self, error: &ScanError) -> Box<Diagnostic> {
        let offset = u32::try_from(error.marker().byte_offset().unwrap_or(self.end).min(self.end)).unwrap_or(u32::MAX);
        let at = Place { file: self.file, start: offset, end: offset };
        Box::new(Diagnostic::error(Code::SYNTAX, at, format!("not valid YAML: {}", error.info())).help(
            "look at the indentation and at quotes and brackets on this line and the line above; a text that holds `: ` or ` #` needs quotes",
        ))
    }
}

fn refuse(diagnostic: Diagnostic) -> Taken {
    Err(Box::new(diagnostic))
}
