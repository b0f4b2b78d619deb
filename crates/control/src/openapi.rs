//! The contract, OpenAPI 3.1, made from the endpoint table.

use api::endpoints::{self, Answer, Auth, Body, Endpoint, Method, Shape};
use api::problem::{MEDIA_TYPE, Problem};
use axum::Json;
use std::collections::BTreeMap;
use utoipa::PartialSchema as _;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
    Schema, SecurityRequirement,
    path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{ArrayBuilder, KnownFormat, SchemaFormat, SchemaType, Type},
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

pub(crate) fn routes(routes: crate::Routes) -> crate::Routes {
    routes.on(&endpoints::events::OPENAPI, show)
}

/// `GET /openapi.json`
async fn show() -> Json<OpenApi> {
    Json(document())
}

/// The whole document.
pub fn document() -> OpenApi {
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    collect(&Shape::of::<Problem>(), &mut schemas);
    let mut paths = PathsBuilder::new();
    for endpoint in endpoints::all() {
        paths = paths.path(
            endpoint.path,
            PathItem::new(method(endpoint.method), operation(endpoint, &mut schemas)),
        );
    }
    let mut components = ComponentsBuilder::new()
        .security_scheme("session", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token of a login session. A client certificate of the identity authority does as well.")).build()));
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    let info = InfoBuilder::new()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Ask for access, answer, follow, and prove it. Errors are problems (RFC 9457) with a stable `code`."))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    OpenApiBuilder::new()
        .openapi(utoipa::openapi::OpenApiVersion::Version31)
        .info(info.build())
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Delete => HttpMethod::Delete,
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut BTreeMap<String, RefOr<Schema>>) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.operation))
        .summary(Some(endpoint.summary))
        .description(Some(who(endpoint.auth)))
        .tag(tag(endpoint.path));
    for name in
        endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(format!("The {name}.")))
                .schema(Some(text())),
        );
    }
    for parameter in endpoint.query {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(parameter.name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(parameter.about))
                .schema(Some(text())),
        );
    }
    operation = match endpoint.body {
        Body::Empty => operation,
        Body::Document(shape) | Body::Json(shape) => {
            let content = ContentBuilder::new().schema(Some(collect(&shape, schemas))).build();
            operation.request_body(Some(
                RequestBodyBuilder::new()
                    .content("application/json", content)
                    .required(Some(Required::True))
                    .build(),
            ))
        }
        Body::Documents => operation.request_body(Some(
            RequestBodyBuilder::new()
                .description(Some("Documents in YAML, divided by lines of `---`."))
                .content("application/yaml", ContentBuilder::new().schema(Some(bytes())).build())
                .required(Some(Required::True))
                .build(),
        )),
    };
    operation = match endpoint.auth {
        Auth::Public => operation,
        Auth::AdminSocket | Auth::Rule(..) | Auth::User => {
            operation.security(SecurityRequirement::new::<_, [&str; 0], &str>("session", []))
        }
    };
    let (status, answer) = answer(&endpoint.answer, schemas);
    operation = operation.response(status, answer);
    for (status, description) in refusals(endpoint) {
        operation = operation.response(*status, problem(description));
    }
    operation.build()
}

fn answer(
    answer: &Answer,
    schemas: &mut BTreeMap<String, RefOr<Schema>>,
) -> (&'static str, Response) {
    let with = |description: &str, media_type: &str, schema: RefOr<Schema>| {
        ResponseBuilder::new()
            .description(description)
            .content(media_type, ContentBuilder::new().schema(Some(schema)).build())
            .build()
    };
    match answer {
        Answer::AnyJson => (
            "200",
            with(
                "What was asked for.",
                "application/json",
                ObjectBuilder::new().schema_type(Type::Object).into(),
            ),
        ),
        Answer::Bytes(media_type) => ("200", with("The bytes.", media_type, text())),
        Answer::Empty => {
            ("204", ResponseBuilder::new().description("Done; there is nothing to say.").build())
        }
        Answer::Events(shape) => {
            collect(shape, schemas);
            let description = format!(
                "Server-sent events, until either end closes; each `data` is a {}.",
                (shape.name)()
            );
            ("200", with(&description, "text/event-stream", text()))
        }
        Answer::Json(shape) => {
            ("200", with("What was asked for.", "application/json", collect(shape, schemas)))
        }
        Answer::Page(shape) => {
            let item = collect(shape, schemas);
            let name = format!("{}Page", (shape.name)());
            let page = ObjectBuilder::new()
                .property("items", ArrayBuilder::new().items(item).description(Some("The items.")))
                .property(
                    "next",
                    ObjectBuilder::new()
                        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                        .description(Some("Where the next page begins; absent on the last page.")),
                )
                .required("items");
            schemas.insert(name.clone(), page.into());
            ("200", with("A page.", "application/json", Ref::from_schema_name(name).into()))
        }
    }
}

/// The refusals an endpoint can answer with, besides those of the network.
fn refusals(endpoint: &Endpoint) -> &'static [(&'static str, &'static str)] {
    const ALL: &[(&str, &str)] = &[
        ("400", "The call cannot be read."),
        ("401", "Nobody is logged in on this connection."),
        ("403", "The caller may not do this."),
        ("404", "No such thing, or none the caller may see."),
        ("409", "Someone was faster, or the state does not allow it."),
        ("413", "The body is too long."),
        ("415", "The body's media type is not one of ours."),
        ("422", "The call is well-formed and wrong; `errors` names the fields."),
        ("429", "Too many calls."),
        ("500", "Our fault; the log has the cause under `instance`."),
        ("503", "Not now; nothing was changed."),
    ];
    const PUBLIC: &[(&str, &str)] = &[
        ("400", "The call cannot be read."),
        ("401", "The credentials are wrong."),
        ("404", "No such thing."),
        ("422", "The call is well-formed and wrong; `errors` names the fields."),
        ("429", "Too many calls."),
        ("500", "Our fault; the log has the cause under `instance`."),
        ("503", "Not now; nothing was changed."),
    ];
    match endpoint.auth {
        Auth::Public => PUBLIC,
        Auth::AdminSocket | Auth::Rule(..) | Auth::User => ALL,
    }
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
}

/// Puts a shape, and what it refers to, among the schemas, and gives the reference to it.
fn collect(shape: &Shape, schemas: &mut BTreeMap<String, RefOr<Schema>>) -> RefOr<Schema> {
    let name = (shape.name)().into_owned();
    if !schemas.contains_key(&name) {
        let mut others = Vec::new();
        (shape.collect)(&mut others);
        schemas.extend(others);
        schemas.insert(name.clone(), (shape.schema)());
    }
    Ref::from_schema_name(name).into()
}

fn text() -> RefOr<Schema> {
    String::schema()
}

/// A text that clients send as it is.
fn bytes() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

fn who(auth: Auth) -> String {
    match auth {
        Auth::AdminSocket => "Only for the administrator on the daemon's host.".to_owned(),
        Auth::Public => "For anybody.".to_owned(),
        Auth::Rule(resource, verb) => {
            format!("Needs a role with a rule for `{}` on `{resource}`.", verb.as_str())
        }
        Auth::User => "For whoever is logged in.".to_owned(),
    }
}

fn tag(path: &str) -> &str {
    path.trim_start_matches("/v1/").trim_start_matches('/').split('/').next().unwrap_or_default()
}
