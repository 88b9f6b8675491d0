//! Operators that differ from CEL's own, because facts come from JSON and a wrong type must not
//! pass unseen:
//!
//! - arithmetic mixes integers and fractions (`lag_s * 2` with a lag of 1.5), where CEL refuses;
//! - `==`, `!=` and `in` refuse to compare values of different types, where CEL says `false`, so
//!   that `x != 'a'` is never true because `x` is a number;
//! - they refuse null as well, unless the author wrote `null`: an absent value proves nothing;
//! - `+` joins texts up to a limit and no lists, so that nothing grows without bound.
//!
//! And four functions: `values(object)` gives a list to loop over, `epoch(text)` a time as seconds,
//! `quantity(text)` an amount as Kubernetes writes it, `split(text, separator)` the parts of a text.

use std::cell::RefCell;
use std::sync::LazyLock;

use cel::common::ast::{EntryExpr, Expr, LiteralValue};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelString, CelUInt, DYN_TYPE, Kind};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError, IdedExpr};
use regex::{Regex, RegexBuilder};

use super::quantity::quantity;

/// Bytes of a text made by `+`.
const MAX_TEXT: usize = 64 * 1024;
/// Parts of a text made by `split`.
const MAX_PARTS: usize = 256;

type Done<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;
type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Operator = for<'b, 'v> fn(Args<'b, 'v>) -> Done<'b, 'v>;

/// CEL's name, ours (which no author can write), and what it does.
const REPLACED: [(&str, &str, Operator); 8] = [
    ("_==_", "@eq", |args| Ok(CowVal::owned(CelBool::from(equal(&args)?)))),
    ("_!=_", "@ne", |args| Ok(CowVal::owned(CelBool::from(!equal(&args)?)))),
    ("@in", "@member", |args| member(&args)),
    ("_+_", "@add", |args| add(&args)),
    ("_-_", "@sub", |args| arithmetic(&args, "-", i64::checked_sub, |a, b| a - b)),
    ("_*_", "@mul", |args| arithmetic(&args, "*", i64::checked_mul, |a, b| a * b)),
    ("_/_", "@div", |args| arithmetic(&args, "/", i64::checked_div, |a, b| a / b)),
    ("_%_", "@mod", |args| arithmetic(&args, "%", i64::checked_rem, |a, b| a % b)),
];

/// `a.matches(b)`, which CEL compiles anew for each element of a loop.
const MATCHES: (&str, Operator) = ("@matches", |args| matches_pattern(&args));

/// What CEL lacks, under names an author writes.
const ADDED: [(&str, Operator); 3] =
    [("values", |args| values(&args)), ("epoch", |args| epoch(&args)), ("quantity", |args| amount(&args))];

thread_local! {
    /// The pattern used last.
    static PATTERN: RefCell<Option<(String, Regex)>> = const { RefCell::new(None) };
}

/// The standard library, and the operators and functions above.
pub(super) fn environment() -> Result<Env, cel::DeclarationError> {
    let mut env = Env::default().with_optional_support(false).with_stdlib();
    for (name, operator) in REPLACED.into_iter().map(|(_, name, operator)| (name, operator)).chain([MATCHES]) {
        env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], operator)?;
    }
    for (name, function) in ADDED {
        env.add_overload(name, name, vec![DYN_TYPE], function)?;
    }
    env.add_overload("split", "split", vec![DYN_TYPE, DYN_TYPE], |args| split(&args))?;
    Ok(env)
}

/// Puts our operators in the place of CEL's. Calls of the library's loop macros on their own
/// accumulator stay as they are.
pub(super) fn replace(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                replace(target);
            }
            call.args.iter_mut().for_each(replace);
            let own = call.args.first().is_some_and(|arg| matches!(&arg.expr, Expr::Ident(name) if name == "@result"));
            let comparison = matches!(call.func_name.as_str(), "_==_" | "_!=_" | "@in");
            let null = call.args.iter().any(|arg| matches!(arg.expr, Expr::Literal(LiteralValue::Null)));
            if call.func_name == "matches"
                && let Some(target) = call.target.take()
            {
                call.args.insert(0, *target);
                call.func_name = MATCHES.0.to_owned();
            }
            if call.target.is_some() || own || (comparison && null) {
                return;
            }
            if let Some((_, ours, _)) = REPLACED.iter().find(|(theirs, ..)| *theirs == call.func_name) {
                call.func_name = (*ours).to_owned();
            }
        }
        Expr::Select(select) => replace(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(replace),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    replace(&mut entry.key);
                    replace(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(each) => {
            replace(&mut each.iter_range);
            replace(&mut each.loop_step);
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

fn refuse<T>(message: String) -> Result<T, ExecutionError> {
    Err(ExecutionError::function_error("expression", message))
}

fn pair<'a, 'b, 'v>(args: &'a [CowVal<'b, 'v>]) -> Result<(&'a CowVal<'b, 'v>, &'a CowVal<'b, 'v>), ExecutionError> {
    match args {
        [left, right] => Ok((left, right)),
        _ => refuse("two operands are needed".to_owned()),
    }
}

fn kind(value: &CowVal<'_, '_>) -> &'static str {
    kind_of(value.as_ref())
}

fn kind_of(value: &dyn Val) -> &'static str {
    match value.get_type().kind() {
        Kind::Boolean => "a boolean",
        Kind::Int | Kind::UInt | Kind::Double => "a number",
        Kind::String => "a text",
        Kind::List => "a list",
        Kind::Map => "an object",
        Kind::NullType => "null",
        Kind::Bytes => "a masked value",
        _ => "another value",
    }
}

fn equal(args: &[CowVal<'_, '_>]) -> Result<bool, ExecutionError> {
    let (left, right) = pair(args)?;
    let (a, b) = (kind(left), kind(right));
    if a == "null" || b == "null" {
        return refuse("an operand is null; compare with `null` first if that is allowed".to_owned());
    }
    if a != b {
        return refuse(format!("{a} cannot be compared with {b}"));
    }
    Ok(left == right)
}

fn member<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let (left, right) = pair(args)?;
    if kind(left) == "null" {
        return refuse("the left operand of `in` is null".to_owned());
    }
    if let Some(items) = right.as_iterable() {
        let (mut items, mut some) = (items.iter(), false);
        let alike = std::iter::from_fn(|| items.next()).any(|item| {
            some = true;
            kind_of(item) == kind(left)
        });
        if some && !alike {
            return refuse(format!("{} cannot be in what holds nothing of its type", kind(left)));
        }
    }
    match right.as_container() {
        Some(container) => Ok(CowVal::owned(CelBool::from(container.contains(left.as_ref())?))),
        None => refuse(format!("`in` needs a list or an object, not {}", kind(right))),
    }
}

/// The pattern as `matches` uses it. The limit keeps a counted repetition from filling memory.
pub(super) fn compile_pattern(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).size_limit(256 * 1024).build()
}

fn matches_pattern<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let (text, pattern) = pair(args)?;
    let (Some(text), Some(pattern)) = (text.downcast_ref::<CelString>(), pattern.downcast_ref::<CelString>()) else {
        return refuse(format!("`matches` needs a text, not {}", kind(text)));
    };
    PATTERN.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(source, _)| source != pattern.inner()) {
            match compile_pattern(pattern.inner()) {
                Ok(regex) => *last = Some((pattern.inner().to_owned(), regex)),
                Err(_) => return refuse("not a valid pattern".to_owned()),
            }
        }
        let found = last.as_ref().is_some_and(|(_, regex)| regex.is_match(text.inner()));
        Ok(CowVal::owned(CelBool::from(found)))
    })
}

/// The values of an object in the order of their keys, so that a sentence does not change by itself.
fn values<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let [of] = args else { return refuse("one object is needed".to_owned()) };
    let Some(map) = of.downcast_ref::<CelMap<'_>>() else {
        return refuse(format!("`values` needs an object, not {}", kind(of)));
    };
    let mut entries: Vec<_> = map.inner().iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let values: Vec<Box<dyn Val>> = entries.into_iter().map(|(_, value)| value.clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(values)))
}

/// The parts of a text between separators, without white space around them and without empty ones.
fn split<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let (text, separator) = pair(args)?;
    let (Some(text), Some(separator)) = (text.downcast_ref::<CelString>(), separator.downcast_ref::<CelString>())
    else {
        return refuse(format!("`split` needs two texts, not {} and {}", kind(text), kind(separator)));
    };
    if separator.inner().is_empty() {
        return refuse("`split` needs a separator".to_owned());
    }
    let parts = text.inner().split(separator.inner()).map(str::trim).filter(|part| !part.is_empty());
    let parts: Vec<Box<dyn Val>> =
        parts.take(MAX_PARTS + 1).map(|part| Box::new(CelString::from(part.to_owned())) as Box<dyn Val>).collect();
    if parts.len() > MAX_PARTS {
        return refuse(format!("`split` gives at most {MAX_PARTS} parts"));
    }
    Ok(CowVal::owned(CelList::from(parts)))
}

/// Seconds since the epoch of a time with a zone, as RFC 3339 writes it, or with a space before the
/// zone, as GitHub does: `2026-11-22 01:06:15 UTC`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    // The library is more lenient: it takes a zone in brackets, and a time to the minute.
    static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(?:([Zz]|UTC)|([+-]\d\d):?(\d\d))$").ok()
    });
    let parts = SHAPE.as_ref()?.captures(text)?;
    let part = |place| parts.get(place).map_or("", |found| found.as_str());
    let zone = if parts.get(2).is_some() { "Z".to_owned() } else { format!("{}:{}", part(3), part(4)) };
    let time: jiff::Timestamp = format!("{}{zone}", part(1)).parse().ok()?;
    Some(time.as_nanosecond() as f64 / 1e9)
}

fn amount<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let [of] = args else { return refuse("one text is needed".to_owned()) };
    let Some(text) = of.downcast_ref::<CelString>() else {
        return refuse(format!("`quantity` needs a text, not {}", kind(of)));
    };
    match quantity(text.inner()) {
        Some(number) => Ok(CowVal::owned(CelDouble::from(number))),
        None => refuse("`quantity` needs an amount of Kubernetes, such as 512Mi".to_owned()),
    }
}

fn epoch<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let [of] = args else { return refuse("one text is needed".to_owned()) };
    let Some(text) = of.downcast_ref::<CelString>() else {
        return refuse(format!("`epoch` needs a text, not {}", kind(of)));
    };
    match seconds(text.inner()) {
        Some(seconds) => Ok(CowVal::owned(CelDouble::from(seconds))),
        None => refuse("`epoch` needs a time with a zone, such as 2026-11-22T01:06:15Z".to_owned()),
    }
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Fraction(f64),
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            Number::Whole(i) => i as f64,
            Number::Fraction(f) => f,
        }
    }
}

fn number(value: &CowVal<'_, '_>) -> Option<Number> {
    if let Some(int) = value.downcast_ref::<CelInt>() {
        return Some(Number::Whole(*int.inner()));
    }
    if let Some(uint) = value.downcast_ref::<CelUInt>() {
        let uint = *uint.inner();
        return Some(i64::try_from(uint).map_or(Number::Fraction(uint as f64), Number::Whole));
    }
    value.downcast_ref::<CelDouble>().map(|double| Number::Fraction(*double.inner()))
}

fn arithmetic<'b, 'v>(
    args: &[CowVal<'b, 'v>],
    sign: &str,
    whole: fn(i64, i64) -> Option<i64>,
    fraction: fn(f64, f64) -> f64,
) -> Done<'b, 'v> {
    let (left, right) = pair(args)?;
    match (number(left), number(right)) {
        (Some(Number::Whole(a)), Some(Number::Whole(b))) => match whole(a, b) {
            Some(result) => Ok(CowVal::owned(CelInt::from(result))),
            None => refuse(format!("{a} {sign} {b} has no result")),
        },
        (Some(a), Some(b)) => {
            let result = fraction(a.as_f64(), b.as_f64());
            // NaN is neither below nor above anything, which would look like an answer.
            if result.is_finite() {
                Ok(CowVal::owned(CelDouble::from(result)))
            } else {
                refuse(format!("{} {sign} {} has no result", a.as_f64(), b.as_f64()))
            }
        }
        _ => refuse(format!("`{sign}` cannot be used on {} and {}", kind(left), kind(right))),
    }
}

fn add<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Done<'b, 'v> {
    let (left, right) = pair(args)?;
    if let (Some(a), Some(b)) = (left.downcast_ref::<CelString>(), right.downcast_ref::<CelString>()) {
        if a.inner().len().saturating_add(b.inner().len()) > MAX_TEXT {
            return refuse(format!("a text made by `+` would be longer than {MAX_TEXT} bytes"));
        }
        return Ok(CowVal::owned(CelString::from(format!("{}{}", a.inner(), b.inner()))));
    }
    arithmetic(args, "+", i64::checked_add, |a, b| a + b)
}
