//! Every refusal as people and programs read it.

use crate::town::{at, user};
use access::{
    name::{RequestId, RoleName},
    request::{Refusal, Status},
};
use expect_test::expect;

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn every_refusal() -> Vec<Refusal> {
    use Refusal::*;
    let id = RequestId::from_bits(0xbc8c_a931_fec9_4b15);
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    vec![
        Administrative { verb: "update" },
        AlreadyApproved,
        AlreadyReviewed,
        Caller("user \"zoe\"".into()),
        Closed { status: Status::Denied, by: Some("bob".into()) },
        Closed { status: Status::Cancelled, by: None },
        DurationLengthened,
        DurationNotPositive,
        DurationTooLong,
        ExtendedIsOver(id),
        ExtensionAsksMore(id),
        ExtensionTooFar(id),
        GrantEnded(at("11:00")),
        InvalidKind { kinds: names(&["namespaces", "pods"]) },
        ListGrantsLess("oncall".into()),
        NeverEnough { missing: "2 more approvals from: bob (role reviewer)".into() },
        NobodyCouldApprove { user: user("alice"), roles: vec![role("dba"), role("root")] },
        NoRole,
        NoRoleForLogin("root".into()),
        NoRoleForPart("/main/kube:ns:pods/prod/default/web-1".parse().unwrap()),
        NoSearchRoles(user("alice")),
        NotApproved,
        NotExtendable(id),
        Nothing,
        NothingRequestable(user("alice")),
        NotListOwner("oncall".into()),
        NotRequestable { user: user("alice"), role: "root\u{1b}[2J".into() },
        NotRequester(user("alice")),
        NotReviewer,
        NotRevoker,
        OtherAuthor { author: "bob".into() },
        OverrideWithGrant,
        OwnDecided,
        OwnOverride,
        OwnReview,
        PendingTtl,
        ReasonForAll,
        ReasonForRole(role("dba")),
        ReasonTooLong { len: 4097, most: 4096 },
        RolesNotAsked { roles: vec![role("root")] },
        RolesNotAsked { roles: vec![] },
        RolesWithDenial,
        StartEarlier { asked: at("10:00") },
        StartPast,
        StartTooLate { latest: at("12:00") },
        TooLate(at("09:00")),
        TooManyResources { len: 302, most: 300 },
        TooManyReviewers { most: 50, bytes: 256 },
        TooManyRoles { len: 301, most: 300 },
        UnknownClusters { clusters: names(&["leaf"]) },
    ]
}

#[test]
fn a_refusal_says_what_failed_and_what_to_do_next() {
    let mut told = String::new();
    for refusal in every_refusal() {
        let sentence = refusal.sentence();
        assert!(!sentence.ends_with('.') && !sentence.chars().any(char::is_control), "{sentence}");
        told.push_str(&format!("{} ({:?}): {sentence}\n", refusal.code(), refusal.side()));
        if let Some(next) = refusal.next() {
            told.push_str(&format!("    hint: {next}\n"));
        }
    }
    expect![[r#"
        administrative_rule_required (Forbidden): access denied: this needs `update` on `access_request`
        already_approved (Conflict): this request is approved already
            hint: `tsh request release ID` ends it
        already_reviewed (Conflict): access denied: user has already reviewed this request
        caller_not_allowed (Forbidden): access denied: user "zoe" cannot do this
        request_closed (Conflict): access denied: request already denied by bob
        request_closed (Conflict): access denied: request already cancelled
        duration_lengthened (Invalid): a reviewer may shorten the duration, not lengthen it
        invalid_duration (Invalid): invalid maxDuration: must be greater than creation time
            hint: give a duration like 45m, 8h or 3d
        invalid_duration (Invalid): maxDuration exceeds 14d
            hint: give a duration like 45m, 8h or 3d
        extended_is_over (Conflict): request bc8ca931-fec9-4b15, which this one extends, is over
            hint: ask anew with `tsh request new`
        extension_asks_more (Invalid): an extension asks for what request bc8ca931-fec9-4b15 granted: leave out roles and resources
        extension_too_far (Conflict): request bc8ca931-fec9-4b15 ends as late as a grant may, 14 days from now: its end cannot be moved yet
        grant_ended (Conflict): the grant ended at 2026-03-02T11:00:00Z
            hint: ask anew with `tsh request new`
        invalid_kind (Forbidden): no role in search_as_roles may be asked for every Kubernetes kind among these: namespaces, pods
        list_grants_less (Invalid): list "oncall" does not grant everything this request asks for
        nobody_can_approve (Forbidden): nobody could ever approve this, too few people may: 2 more approvals from: bob (role reviewer)
            hint: an administrator can give another user a role with `allow.review_requests`
        nobody_can_approve (Forbidden): nobody could ever approve this: no user besides "alice" may review `dba`, `root`
            hint: an administrator can give another user a role with `allow.review_requests`
        no_role (Forbidden): no roles grant the requested resources
            hint: `tsh ls` shows what you can reach, or request
        no_role (Forbidden): no roles in search_as_roles grant this access: none gives login `root` on the requested resources
            hint: `tsh ls` shows what you can reach, or request
        no_role (Forbidden): no roles in search_as_roles grant /main/kube:ns:pods/prod/default/web-1
            hint: `tsh ls` shows what you can reach, or request
        no_search_roles (Forbidden): Resource Access Requests require usable "search_as_roles", none found for user "alice"
            hint: `tsh ls` shows what you can reach, or request
        not_approved (Conflict): this request was not approved (yet): there is nothing to end
            hint: `tsh request cancel ID` takes a pending request back
        not_extendable (Conflict): request bc8ca931-fec9-4b15 is not an approved request of yours that is still running
            hint: ask anew with `tsh request new`
        nothing_requested (Invalid): a request asks for at least one role or one resource
        nothing_requestable (Forbidden): no requestable roles: user "alice" may ask for none that is not held already
            hint: `tsh ls` shows what you can reach, or request
        not_list_owner (Forbidden): access denied: only an owner of list "oncall" may promote to it
        not_requestable (Forbidden): user "alice" can not request role "root�[2J"
            hint: `tsh ls` shows what you can reach, or request
        not_requester (Forbidden): access denied: only "alice" may do this
        not_reviewer (Forbidden): access denied: you may not review this request
        not_revoker (Forbidden): access denied: only its reviewers and administrators may revoke a request
        other_author (Forbidden): access denied: a review is its author's own; "bob" must give it
        override_with_grant (Forbidden): cannot directly update the state of an access request while using an access request
        filed_decided (Forbidden): cannot create access request for self in non-pending state
        own_request (Forbidden): directly updating the state of your own access requests is not permitted
        own_request (Forbidden): access denied: you cannot review your own request
        invalid_pending_ttl (Invalid): a request waits for its answer between one second and 14d
        reason_required (Invalid): request reason must be specified (required request_access option in one of the roles)
            hint: say why, with `--reason="…"`
        reason_required (Invalid): request reason must be specified (required for role "dba")
            hint: say why, with `--reason="…"`
        reason_too_long (Invalid): reason too long: 4097 bytes, at most 4096
        invalid_roles (Invalid): cannot override roles with ones that were not requested: `root`
        invalid_roles (Invalid): cannot override roles with ones that were not requested: none at all
        invalid_roles (Invalid): cannot override roles when setting state DENIED: only an approval can name fewer roles
        invalid_start (Invalid): a reviewer may set a later start than 2026-03-02T10:00:00Z, not an earlier one
        invalid_start (Invalid): assume start time is in the past
        invalid_start (Invalid): assume start time must be prior to access expiry time: at the latest 2026-03-02T12:00:00Z
        request_expired (Conflict): access denied: request already expired: it waited for an answer until 2026-03-02T09:00:00Z
            hint: ask anew with `tsh request new`
        too_many_resources (Invalid): too many resources: 302, at most 300 in one request
        too_many_reviewers (Invalid): too many suggested reviewers: at most 50, each of at most 256 bytes
        too_many_roles (Invalid): too many roles: 301, at most 300 in one request
        unknown_cluster (Invalid): invalid or unknown cluster names: leaf
    "#]].assert_eq(&told);
}
