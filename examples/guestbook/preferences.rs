//! What a person chooses: a name and a colour.

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::origin::FromOwnPage;
use crate::page::{self, Page, Text};
use crate::person::{Colour, Look, Preferences};
use crate::site::Site;
use crate::text::DisplayName;
use crate::trouble::Trouble;
use crate::visitor::{ClientAddress, NoActor, ShownTo, Visitor};
use crate::you;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    saved: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    display_name: String,
    colour: String,
    #[serde(flatten)]
    shown_to: ShownTo,
}

/// Shows what the visitor has chosen.
pub(crate) async fn show(
    State(site): State<Site>,
    visitor: Visitor,
    Query(seen): Query<Seen>,
) -> Result<Response, Trouble> {
    let chosen = match visitor.user() {
        Some(user) => site.data().preferences(user).await?,
        None => Preferences::default(),
    };
    let choice = Choice {
        display_name: chosen.display_name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
        colour: chosen.colour.map(|colour| colour.name().to_owned()).unwrap_or_default(),
        shown_to: ShownTo::default(),
    };
    let note = match seen.saved {
        Some(_) => Note::Status("Saved."),
        None => Note::Nothing,
    };
    Ok(form(&site, &visitor, &choice, note).await?.into_response())
}

/// Keeps what the visitor chose. Somebody new becomes a guest by it.
pub(crate) async fn save(
    State(site): State<Site>,
    _: FromOwnPage,
    visitor: Visitor,
    ClientAddress(address): ClientAddress,
    Form(choice): Form<Choice>,
) -> Result<Response, Trouble> {
    let visitor = visitor.sending(&choice.shown_to);
    if let Err(no_actor) = visitor.expect_sender_of(&choice.shown_to) {
        return refuse(&site, &visitor, &choice, no_actor).await;
    }
    let display_name = match DisplayName::parse(&choice.display_name) {
        Ok(display_name) => display_name,
        Err(error) => {
            let note = Note::WrongName(&format!("Display name: {error}"));
            let page = form(&site, &visitor, &choice, note).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    // A colour that is none of the site's asks for the one that everybody has.
    let preferences = Preferences { display_name, colour: Colour::parse(&choice.colour) };
    let actor = match visitor.actor(&site, address).await {
        Ok(actor) => actor,
        Err(no_actor) => return refuse(&site, &visitor, &choice, no_actor).await,
    };
    site.data().prefer(actor.user, preferences).await?;
    Ok((actor.cookies(), Redirect::to("/preferences?saved")).into_response())
}

/// Shows the form again, with what was chosen and why it is not kept.
async fn refuse(
    site: &Site,
    visitor: &Visitor,
    choice: &Choice,
    no_actor: NoActor,
) -> Result<Response, Trouble> {
    let status = no_actor.status();
    let page = form(site, visitor, choice, Note::Alert(no_actor.advice()?)).await?;
    Ok((status, page).into_response())
}

/// What is said above the form.
enum Note<'a> {
    Nothing,
    Status(&'a str),
    Alert(&'a str),
    /// The name cannot be taken, and is where the keyboard starts.
    WrongName(&'a str),
}

async fn form(
    site: &Site,
    visitor: &Visitor,
    choice: &Choice,
    note: Note<'_>,
) -> Result<Page, Trouble> {
    let look = visitor.look(site).await?;
    let given = visitor.user().map(|user| Look::of(user, &Preferences::default()));
    let given = given.map(|look| look.name);
    let on_name = match note {
        Note::WrongName(_) => WRONG,
        Note::Nothing | Note::Status(_) | Note::Alert(_) => "aria-describedby=\"name-hint\"",
    };
    let note = match note {
        Note::Nothing => String::new(),
        Note::Status(text) => page::status(text),
        Note::Alert(text) | Note::WrongName(text) => page::alert(text),
    };
    let options: String = Colour::ALL
        .into_iter()
        .map(|colour| option(colour.name(), choice.colour == colour.name()))
        .collect();
    Ok(Page::new("Preferences").shown_as(look.as_ref()).raw(&format!(
        "<div class=\"columns\">
{you}<div class=\"stream\">
<form class=\"card\" method=\"post\" action=\"/preferences\">
{note}<p class=\"field\"><label for=\"display_name\">Display name</label>
<input id=\"display_name\" name=\"display_name\" value=\"{name}\" placeholder=\"{given}\" dir=\"auto\" \
         autocomplete=\"nickname\" {on_name}>
<span id=\"name-hint\" class=\"hint\">Up to {limit} characters. Without one you are shown under a \
         name that we made up.</span></p>
<p class=\"field\"><label for=\"colour\">Colour</label>
<select id=\"colour\" name=\"colour\">
<option value=\"\">Whichever</option>
{options}</select>
<span class=\"swatches\" aria-hidden=\"true\">{swatches}</span></p>
{shown_to}<div class=\"row\"><a href=\"/\">Back to the wall</a>
<button>Save</button></div>
</form>
</div>
</div>
",
        you = you::card(site, visitor, look.as_ref()),
        name = Text(&choice.display_name),
        given = Text(given.as_deref().unwrap_or_default()),
        shown_to = ShownTo::fields(visitor),
        limit = DisplayName::MAX_CHARACTERS,
        swatches = swatches(),
    )))
}

fn option(name: &str, is_selected: bool) -> String {
    let selected = if is_selected { " selected" } else { "" };
    format!("<option value=\"{name}\"{selected}>{}</option>\n", label(name))
}

fn label(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn swatches() -> String {
    let swatches = Colour::ALL
        .map(Colour::name)
        .map(|name| format!("<span><i class=\"{name}\"></i>{label}</span>\n", label = label(name)));
    swatches.concat()
}

const WRONG: &str = "aria-describedby=\"alert name-hint\" aria-invalid=\"true\" autofocus";
