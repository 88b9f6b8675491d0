//! From text to a bounded tree. `cel` has no fuel and no deadline, so what cannot be bounded at
//! run time is refused here: size, depth, nesting of comprehensions, and whatever makes values
//! grow faster than the source (see `check` for the rules about loops).

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};
use cel::parser::PrattParser;

/// Bytes of source.
const MAX_SOURCE: usize = 1024;
/// Nodes of the tree, those that macros add included.
const MAX_NODES: usize = 256;
/// The tree is walked and evaluated by recursion, at up to 40 KiB of stack a level in a debug build
/// and 1.5 KiB in a release one; threads of the runtime have 2 MiB. `&&` and `||` do not count
/// singly: the parser makes balanced trees of them.
const MAX_DEPTH: usize = 24;
/// One after the other, as in `rows.filter(…).all(…)`; nesting is refused.
const MAX_COMPREHENSIONS: usize = 4;
/// Elements of list and map literals that are not constants: each may copy a large value.
const MAX_COPIES: usize = 16;

/// What is wrong with a source, with the byte range where known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) span: Option<(usize, usize)>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), hint: None }
    }
}

/// Parses and proves the tree small enough to be walked, evaluated and dropped.
pub(super) fn parse(source: &str) -> Result<IdedExpr, Complaint> {
    if source.len() > MAX_SOURCE {
        let message = format!("the expression is {} bytes long, at most {MAX_SOURCE} are allowed", source.len());
        return Err(Complaint::new(message));
    }
    if source.trim().is_empty() {
        return Err(Complaint::new("the expression is empty"));
    }
    // A panic in the parser is a bug of the library, and must not be one of the daemon.
    let parsed = std::panic::catch_unwind(|| PrattParser::new().max_recursion_depth(MAX_DEPTH as u16).parse(source));
    let tree = match parsed {
        Ok(Ok(tree)) => tree,
        Ok(Err(errors)) => {
            let Some(first) = errors.errors.first() else { return Err(Complaint::new("not a valid expression")) };
            let message = format!("not a valid expression: {}", first.msg);
            return Err(Complaint {
                span: byte_at(source, first.pos),
                message,
                hint: Some(spelling(source).to_owned()),
            });
        }
        Err(_) => return Err(Complaint::new("the parser could not cope with this expression")),
    };
    let mut size = Size::default();
    size.visit(&tree, 0, false)?;
    Ok(tree)
}

/// What people of other languages write, or else how it is written here.
fn spelling(source: &str) -> &'static str {
    let has = |word: &str| source.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word);
    let bytes: Vec<u8> = source.bytes().collect();
    let single = bytes.iter().enumerate().any(|(n, byte)| {
        let beside = |place: Option<usize>| place.and_then(|place| bytes.get(place)).copied().unwrap_or(b' ');
        let before = beside(n.checked_sub(1));
        *byte == b'=' && beside(n.checked_add(1)) != b'=' && !matches!(before, b'=' | b'!' | b'<' | b'>')
    });
    if single {
        "compare with `==`"
    } else if has("and") || has("or") || has("not") {
        "write `&&`, `||` and `!`"
    } else {
        "an expression is CEL, such as `status == 200 && body.contains('ok')`"
    }
}

/// The byte range of a position given as (line, column), both from 1.
fn byte_at(source: &str, (line, column): (isize, isize)) -> Option<(usize, usize)> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.saturating_sub(1);
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let at = source.get(start..)?.char_indices().nth(column).map_or(source.len(), |(i, _)| start + i);
    let end = source.get(at..)?.chars().next().map_or(at, |c| at + c.len_utf8());
    Some((at, end))
}

#[derive(Default)]
struct Size {
    nodes: usize,
    comprehensions: usize,
    copies: usize,
}

impl Size {
    fn visit(&mut self, node: &IdedExpr, depth: usize, looping: bool) -> Result<(), Complaint> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Complaint::new(format!("the expression has more than {MAX_NODES} parts")));
        }
        if depth > MAX_DEPTH {
            return Err(Complaint::new(format!("the expression is nested or chained more than {MAX_DEPTH} deep")));
        }
        let depth = depth + 1;
        match &node.expr {
            Expr::Ident(_) | Expr::Literal(_) => Ok(()),
            Expr::Select(select) => self.visit(&select.operand, depth, looping),
            Expr::Call(call) => {
                if let Some(target) = &call.target {
                    self.visit(target, depth, looping)?;
                }
                call.args.iter().try_for_each(|arg| self.visit(arg, depth, looping))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.element(element, depth, looping)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.element(&entry.key, depth, looping)?;
                    self.element(&entry.value, depth, looping)
                }
                EntryExpr::StructField(_) => Err(Complaint::new("messages are not supported")),
            }),
            Expr::Comprehension(each) => {
                if looping {
                    return Err(Complaint::new("all, exists, exists_one, map and filter cannot be nested"));
                }
                self.comprehensions += 1;
                if self.comprehensions > MAX_COMPREHENSIONS {
                    return Err(Complaint::new(format!(
                        "more than {MAX_COMPREHENSIONS} of all, exists, exists_one, map and filter in one expression"
                    )));
                }
                self.visit(&each.iter_range, depth, looping)?;
                // `map` starts from an empty list and appends one; both are the macro's own.
                self.visit(&each.accu_init, depth, false)?;
                self.visit(&each.loop_cond, depth, true)?;
                self.visit(&each.loop_step, depth, true)?;
                self.visit(&each.result, depth, true)
            }
            Expr::Struct(_) => Err(Complaint::new("messages are not supported")),
            Expr::Unspecified => Err(Complaint::new("not a valid expression")),
        }
    }

    fn element(&mut self, node: &IdedExpr, depth: usize, looping: bool) -> Result<(), Complaint> {
        // Inside a loop a literal may hold one computed element (`map` itself makes one): more
        // would let `.map(r, [r, r])`, chained, grow exponentially.
        if !matches!(node.expr, Expr::Literal(_)) {
            self.copies += if looping { MAX_COPIES / MAX_COMPREHENSIONS } else { 1 };
            if self.copies > MAX_COPIES {
                return Err(Complaint::new("too many computed elements in list or map literals"));
            }
        }
        self.visit(node, depth, looping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &str) -> String {
        parse(source).expect_err(source).message
    }

    #[test]
    fn ordinary_conditions_parse() {
        for source in [
            "status == 200",
            "rows[0].lag_s <= params.max_lag_s",
            "rows.filter(r, r.ok).all(r, r.lag < 3.0)",
            "status in [200, 204] && headers['a'].contains('x') && (a || !b) ? c : d",
            "rows.map(r, r.x).exists(x, x > 1)",
        ] {
            parse(source).expect(source);
        }
    }

    #[test]
    fn long_chains_and_deep_nesting_are_refused_without_overflow() {
        refused(&format!("1{} > 0", " + 1".repeat(250)));
        // The parser drops brackets without recursion.
        parse(&format!("{}1{}", "(".repeat(500), ")".repeat(500))).expect("brackets");
        // Neither does it stack up signs: pairs of them cancel out.
        parse(&format!("{}true", "!".repeat(1001))).expect("not");
        parse(&format!("{}a == 1", "-".repeat(1001))).expect("minus");
        refused(&format!("a{}", ".b".repeat(500)));
        refused(&format!("a{}", "[0]".repeat(330)));
        refused(&format!("{}1", "a?b:".repeat(240)));
        refused(&format!("{}1{}", "[".repeat(500), "]".repeat(500)));
        refused(&"x".repeat(2000));
        refused(&format!("[{}].size() > 0", "1,".repeat(400)));
    }

    #[test]
    fn what_grows_or_loops_too_much_is_refused() {
        assert!(refused("rows.all(r, rows.exists(q, q == r))").contains("nested"));
        assert!(refused("a.map(r, [r, r]).map(r, [r, r]).size() > 1").contains("literals"));
        assert!(refused("a.map(r,r).map(r,r).map(r,r).map(r,r).map(r,r) == 1").contains("more than 4"));
        assert!(refused("[a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a].size() > 1").contains("literals"));
        assert!(refused("A{b: 1}").contains("not supported"));
        assert!(refused("  ").contains("empty"));
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let complaint = parse("status == ").unwrap_err();
        assert!(complaint.span.is_some(), "{complaint:?}");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_sources_never_panic(source in ".{0,200}") {
            let _ = parse(&source);
        }

        #[test]
        fn arbitrary_mixtures_of_tokens_never_panic(
            tokens in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", ".", "b", "(", ")", "[", "]", "{", "}", "?", ":", "!", "-", "+", "&&", "||", "==", "<", " in ",
                    "1", "2.5", "'x'", "\"", "all", "map", "exists", "has", ",", "null", "true", "\\", "r'", "`", "u", "e9",
                ]),
                0..120,
            )
        ) {
            let _ = parse(&tokens.concat());
        }
    }
}
