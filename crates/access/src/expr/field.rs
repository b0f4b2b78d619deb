//! The names expressions may use, and where.

/// Where an expression stands, and so which names it may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// `require_session_join[].filter`: who takes part in a session.
    Join,
    /// `*_labels_expression`: a target's labels and the user who asks.
    Labels,
    /// `condition` of an access monitoring rule: a request and who made it.
    Monitoring,
    /// `thresholds[].filter` and `review_requests.where`: a review and its request.
    Review,
    /// `rules[].where`: a resource or session, and the user who asks.
    Rule,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// A list of texts.
    List,
    /// Lists by key: `reviewer.traits["team"]`.
    Lists,
    /// One text.
    Text,
    /// Texts by key: `labels["env"]`, `labels.env`.
    Texts,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $shape:ident: $($scope:ident $name:literal),+;)+) => {
        /// A name of an expression. The same thing may have several names, in several scopes.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Field { $($(#[$doc])* $field,)+ }

        impl Field {
            /// Every name: its scope, what it names, and the shape of that.
            const NAMES: &'static [(Scope, &'static str, Self, Shape)] =
                &[$($((Scope::$scope, $name, Self::$field, Shape::$shape),)+)+];
        }
    };
}

fields! {
    /// The roles a request asks for.
    RequestRoles = List: Review "request.roles", Monitoring "access_request.spec.roles";
    /// Why it was made.
    RequestReason = Text: Review "request.reason", Monitoring "access_request.spec.request_reason";
    /// The annotations the law put on it.
    RequestAnnotations = Lists: Review "request.system_annotations",
        Monitoring "access_request.spec.system_annotations";
    /// Who made it.
    RequestUser = Text: Monitoring "access_request.spec.user";
    /// Who was named as reviewer.
    RequestReviewers = List: Monitoring "access_request.spec.suggested_reviewers";
    /// Labels that all requested resources carry.
    RequestLabelsOfAll = Lists: Monitoring "access_request.spec.resource_labels_intersection";
    /// Labels that any requested resource carries.
    RequestLabelsOfAny = Lists: Monitoring "access_request.spec.resource_labels_union";
    /// The roles a reviewer holds by their record.
    ReviewerRoles = List: Review "reviewer.roles";
    /// The reviewer's traits.
    ReviewerTraits = Lists: Review "reviewer.traits";
    /// Why a review was given.
    ReviewReason = Text: Review "review.reason";
    /// Annotations of a review.
    ReviewAnnotations = Lists: Review "review.annotations";
    /// A target's labels.
    Labels = Texts: Labels "labels";
    /// The name of a document.
    ResourceName = Text: Rule "resource.metadata.name";
    /// The labels of a document.
    ResourceLabels = Texts: Rule "resource.metadata.labels";
    /// Who took part in a recorded or live session.
    SessionParticipants = List: Rule "session.participants", Rule "ssh_session.participants";
    /// The account a session used on its target.
    SessionLogin = Text: Rule "session.login", Rule "ssh_session.login";
    /// The target of a session.
    SessionTarget = Text: Rule "session.target", Rule "ssh_session.target";
    /// The name of the user who asks.
    UserName = Text: Labels "user.metadata.name", Rule "user.metadata.name",
        Monitoring "user.name", Monitoring "user.metadata.name", Join "user.name", Join "user.metadata.name";
    /// The labels of their record.
    UserLabels = Texts: Rule "user.metadata.labels";
    /// Their roles.
    UserRoles = List: Labels "user.spec.roles", Rule "user.spec.roles",
        Monitoring "user.roles", Monitoring "user.spec.roles", Join "user.roles", Join "user.spec.roles";
    /// Their traits.
    UserTraits = Lists: Labels "user.spec.traits", Rule "user.spec.traits",
        Monitoring "user.traits", Monitoring "user.spec.traits", Join "user.traits", Join "user.spec.traits";
}

impl Field {
    /// What `name` means in `scope`.
    pub(crate) fn find(scope: Scope, name: &str) -> Option<(Self, Shape)> {
        let found = Self::NAMES.iter().find(|(at, known, ..)| *at == scope && *known == name);
        found.map(|(_, _, field, shape)| (*field, *shape))
    }

    /// Whether some name of `scope` goes on behind `name` and a dot.
    pub(crate) fn leads_somewhere(scope: Scope, name: &str) -> bool {
        Self::names(scope)
            .any(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The names that may be used in `scope`.
    pub(crate) fn names(scope: Scope) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(at, ..)| *at == scope).map(|(_, name, ..)| *name)
    }

    /// Whether the field is one text, or texts by key.
    pub(crate) fn is_text(self) -> bool {
        let shape =
            Self::NAMES.iter().find(|(_, _, field, _)| *field == self).map(|(.., shape)| *shape);
        matches!(shape, Some(Shape::Text | Shape::Texts))
    }

    /// The first name the field has in any scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, _, field, _)| *field == self).map_or("", |(_, name, ..)| name)
    }
}
