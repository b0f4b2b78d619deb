//! What administrators and users write by hand: expressions, patterns, templates, names, hours.

use access::display::{shown, shown_lines, shown_short};
use access::expr::{Expr, Field, Residual, Scope, Values};
use access::identity::Traits;
use access::name::{
    ClusterName, LockName, Login, LoginId, RequestId, RoleName, RuleName, SessionId, TargetName,
    UserName,
};
use access::pattern::Pattern;
use access::resource::ResourceId;
use access::role::{Role, RoleSpec};
use access::schedule::{Schedule, Shift};
use access::target::Labels;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// The longest text a template may make of one value, beside what stands around it, in bytes.
const LONGEST: usize = 4096;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn traits() -> Traits {
    let values = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Traits::from([
        ("logins".to_owned(), values(&["root", "alice", "*", "^.*$", ""])),
        ("email".to_owned(), values(&["Mia <mia@corp.test>", "a@b", "no"])),
        ("team".to_owned(), values(&["db", "ext-db", &"x".repeat(300)])),
    ])
}

/// Parses as `T`; what was read is written so that it reads the same.
fn again<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(read) => {
            let written = read.to_string();
            assert!(written.parse::<T>().is_ok_and(|second| second == read), "{written:?}");
            Some(read)
        }
        Err(error) => {
            assert!(error.to_string().len() <= 2 * text.len() + 512);
            None
        }
    }
}

/// An expression, after a letter for its scope: refused with a short sentence, or evaluated to the same however it is
/// looked at.
pub fn expression(bytes: &[u8]) {
    let Some((letter, bytes)) = bytes.split_first() else { return };
    let scope = match letter {
        b'l' => Scope::Labels,
        b'm' => Scope::Monitoring,
        b'v' => Scope::Review,
        b'r' => Scope::Rule,
        _ => Scope::Join,
    };
    let text = text(bytes);
    let traits = traits();
    let labels = Labels::from([("env".to_owned(), "prod".to_owned())]);
    let read = match Expr::parse(&text, scope) {
        Ok(read) => read,
        Err(error) => return assert!(error.to_string().len() <= 2048, "{error}"),
    };
    assert_eq!(read.as_str(), text);
    assert_eq!(Expr::parse(&read.to_string(), scope).as_ref(), Ok(&read));
    let some = Values::new().text(Field::UserName, "alice").lists(Field::UserTraits, &traits);
    let all = some
        .clone()
        .texts(Field::Labels, &labels)
        .list(Field::RequestRoles, ["dba", "access"])
        .text(Field::RequestReason, "ticket 7")
        .list(Field::ReviewerRoles, ["security"])
        .lists(Field::ReviewerTraits, &traits)
        .list(Field::UserRoles, ["access"]);
    let _ = read.holds(&Values::new());
    let holds = read.holds(&all);
    match read.residual(&some) {
        Residual::Known(known) => assert_eq!(known, holds),
        Residual::Depends(filter) => {
            assert_eq!(filter.holds(&all), holds, "the filter says something else");
            assert!(filter.to_string().len() <= 16 * text.len() + 64);
        }
    }
}

/// A pattern and a text to match, divided by a line feed.
pub fn pattern(bytes: &[u8]) {
    let text = text(bytes);
    let (pattern, subject) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(read) = Pattern::parse(pattern) else { return };
    assert_eq!(Pattern::parse(&read.to_string()).as_ref(), Ok(&read));
    let matches = read.matches(subject);
    if read.is_literal() {
        assert_eq!(matches, pattern == subject);
    }
    if read.is_any() {
        assert!(matches);
    }
    let _ = read.changed_by_anchoring();
}

/// An entry of a role's lists: a pattern, or a template with the traits of one user.
pub fn template(bytes: &[u8]) {
    let text = text(bytes);
    let mut spec = RoleSpec { name: "fuzz".into(), ..RoleSpec::default() };
    spec.allow.db_users = vec![text.clone()];
    spec.allow.node_labels.insert(text.clone(), vec![text.clone()]);
    let around = text.len();
    // Entries under `deny` are refused where those under `allow` are dropped; neither may panic.
    let mut denying = spec.clone();
    denying.deny.logins = vec![text];
    let _ = Role::new(denying);
    let Ok((role, _)) = Role::new(spec) else { return };
    let traits = traits();
    let texts = role.allow().db_users.texts(&traits);
    assert!(texts.len() <= 8);
    for own in &texts {
        assert!(own.len() <= LONGEST + around, "{} bytes", own.len());
        assert!(
            role.allow().db_users.has_any()
                || role.allow().db_users.matches(own, &traits)
                || own.starts_with('^')
        );
    }
    let _ = role.allow().resolved(&traits);
}

/// Names, ids and resources: what is accepted is shown as it was written, on one line, in ASCII.
pub fn name(bytes: &[u8]) {
    let text = text(bytes);
    fn plain<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) {
        let Some(read) = again::<T>(text) else { return };
        assert!(read.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!read.to_string().starts_with('-'));
    }
    plain::<UserName>(&text);
    plain::<RoleName>(&text);
    plain::<TargetName>(&text);
    plain::<ClusterName>(&text);
    plain::<Login>(&text);
    plain::<LockName>(&text);
    plain::<RuleName>(&text);
    plain::<RequestId>(&text);
    plain::<SessionId>(&text);
    plain::<LoginId>(&text);
    plain::<ResourceId>(&text);
    // Whatever came in, what is shown of it acts on no terminal and is cut where it is to be cut.
    assert_eq!(shown(&shown(&text)), shown(&text));
    assert!(!shown(&text).contains(char::is_control));
    assert!(!shown_lines(&text).contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
    assert!(shown_short(&text, 20).chars().count() <= 20);
}

/// A schedule, in lines: the zone, then `weekday start end` for each shift.
pub fn schedule(bytes: &[u8]) {
    let text = text(bytes);
    let mut lines = text.lines();
    let zone = lines.next().unwrap_or_default();
    let shifts: Vec<Shift> = lines
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut next = || words.next().unwrap_or_default();
            Shift::parse(next(), next(), next()).ok()
        })
        .collect();
    let Ok(read) = Schedule::new(zone, shifts.clone()) else { return };
    assert_eq!(read.shifts(), shifts);
    for at in [jiff::Timestamp::MIN, jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX] {
        let _ = read.contains(at);
    }
}
