//! Whatever comes from outside is read or refused; nothing is half understood, nothing panics.

use access::{
    request::{Author, Find, Program},
    resource::ResourceId,
};
use api::event::RequestEvent;
use proptest::{collection::vec, prelude::*};

proptest! {
    #[test]
    fn a_resource_id_is_shown_as_it_is_read(text in "(/[a-z:_]{0,14}){0,3}(/[a-z*._-]{0,6}){0,3}|\\PC{0,60}") {
        if let Ok(id) = text.parse::<ResourceId>() {
            let shown = id.to_string();
            prop_assert_eq!(shown.parse::<ResourceId>(), Ok(id));
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }

    #[test]
    fn an_author_is_shown_as_it_is_read(name in "[a-z][a-z0-9-]{0,20}", uid in any::<u32>(), which in 0..5_u8) {
        let rule = || name.parse().unwrap();
        let author = match which {
            0 => Author::Operator(uid),
            1 => Author::User(name.parse().unwrap()),
            2 => Author::Program(Program::OnCall(rule())),
            3 => Author::Program(Program::Rule(rule())),
            _ => Author::Program(Program::Webhook(rule())),
        };
        prop_assert_eq!(author.to_string().parse(), Ok(author));
    }

    #[test]
    fn no_user_can_be_called_like_a_program(text in "system:\\PC{0,20}") {
        prop_assert!(text.parse::<access::name::UserName>().is_err());
        prop_assert!(!matches!(text.parse(), Ok(Author::User(_))));
    }

    #[test]
    fn no_text_makes_a_filter_or_an_event_panic(
        pairs in vec(("id|user|state|role|text|\\PC{0,8}", "\\PC{0,20}"), 0..4),
        text in "\\PC{0,80}",
    ) {
        let _ = Find::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let _ = serde_json::from_str::<RequestEvent>(&text);
    }
}
