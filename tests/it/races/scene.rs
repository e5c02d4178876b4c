//! The users that races are about, and what is done to them.

use std::sync::Arc;

use guestpass::credential::Action;
use guestpass::engine::FlowStart;
use guestpass::model::{EventCursor, ProvenIdentity, Timestamp};
use guestpass::{Credential, Engine, Error, Guest, SignedIn};

use super::act::{Act, Takes, Touched};
use super::stage::{ONE, Stage};
use crate::support::{
    Device, Held, PASSWORD, REDIRECT_URI, VERIFIER, World, app, code_for, cookie, email, password,
    refresh, run, seconds,
};

/// A guest with a device key, a guest without one, and the owner of a login ID, as far as the acts have to
/// do with them; five minutes on.
pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(super) guest: Option<Held>,
    pub(super) rival: Option<Held>,
    pub(super) owner: Option<Held>,
    /// The owner before it was promoted.
    before_promotion: Option<Guest>,
    pub(super) ada: String,
    pub(super) owners_name: String,
    /// What each side shows that can be used once.
    shown: Vec<Shown>,
    pub(super) began: Timestamp,
    pub(super) fence: Option<Timestamp>,
    code: Option<String>,
    promotion_code: Option<String>,
    /// The last event before anything was done.
    pub(super) before: EventCursor,
}

enum Shown {
    Nothing,
    Text(String),
    Guest(Guest),
}

impl Shown {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Nothing | Self::Guest(_) => panic!("this side shows no text"),
        }
    }

    fn guest(&self) -> &Guest {
        match self {
            Self::Guest(guest) => guest,
            Self::Nothing | Self::Text(_) => panic!("this side has no guest"),
        }
    }
}

/// What an act answered, and what it gave.
pub(crate) struct Answer {
    pub(super) code: String,
    /// The session that it opened.
    pub(super) held: Option<Held>,
    /// The access token that it issued.
    pub(super) access_token: Option<String>,
}

impl Scene {
    /// The scene, on a stage, in which the sides do these acts.
    pub(crate) fn on(stage: &Stage, acts: &[Act]) -> Self {
        let number = stage.next_scene();
        let world = Arc::clone(&stage.world);
        world.entropy.begin(number);
        let [ada, owners_name] = ["ada", "owner"].map(|name| format!("{name}{number}"));
        let (device, new_device) = (Device::of_many(2 * number), 2 * number + 1);
        let has = |who: Touched| acts.iter().any(|act| act.touches().contains(&who));
        let guest = has(Touched::Guest).then(|| {
            let request = device.request(&world.engine, Action::Auth);
            let open = refresh(app().as_str());
            let signed_in = world.engine.sign_in_with_device_key(&request, open, None);
            Held::from(run(signed_in).unwrap())
        });
        let rival = has(Touched::Rival).then(|| world.guest());
        let before_promotion =
            acts.contains(&Act::PromoteAgain).then(|| world.by_session(&world.guest()));
        let owner = has(Touched::Owner).then(|| match &before_promotion {
            Some(guest) => world.promote(guest, password(&owners_name)).unwrap(),
            None => world.regular(&owners_name),
        });
        let fence = rival.as_ref().map(|rival| world.user(rival.user).ends_at.unwrap());
        // Too early for the access to be recorded.
        world.advance(seconds(59));
        let promotion_code = acts.contains(&Act::OpenFlow).then(|| {
            run(world.engine.promotion_code(&is_there(rival.as_ref()).token)).unwrap().text
        });
        let shown = |act: &Act| match act.takes() {
            Takes::Nothing => Shown::Nothing,
            Takes::AccessToken => Shown::Text(world.access_token(is_there(guest.as_ref()))),
            Takes::Request => Shown::Text(device.request_by_name(&world.engine, Action::Auth)),
            Takes::RequestByNewKey => {
                Shown::Text(Device::of_many(new_device).request(&world.engine, Action::Auth))
            }
            Takes::ProofByKey => Shown::Guest(world.by_key(&device)),
            Takes::ProofBySession => Shown::Guest(world.by_session(is_there(rival.as_ref()))),
        };
        let shown = acts.iter().map(shown).collect();
        // So late that an access, and a flow, would end beyond the fence.
        world.advance(seconds(241));
        let code = acts.contains(&Act::Redeem).then(|| {
            let open = code_for("app");
            let signed_in = world.engine.sign_in(password(&owners_name), None, open, None);
            World::issued(run(signed_in).unwrap())
        });
        let (began, before) = (world.clock_now(), stage.last_event());
        Self {
            world,
            guest,
            rival,
            owner,
            before_promotion,
            ada,
            owners_name,
            shown,
            began,
            fence,
            code,
            promotion_code,
            before,
        }
    }

    pub(crate) async fn act(&self, act: Act, side: usize) -> Answer {
        let (engine, shown) = (self.world.engine_of(side), &self.shown[side]);
        let guest = || is_there(self.guest.as_ref());
        let rival = || is_there(self.rival.as_ref());
        let owner = || is_there(self.owner.as_ref());
        let (as_ada, as_owner) = (|| password(&self.ada), || password(&self.owners_name));
        match act {
            Act::Promote | Act::PromoteRival => promoted(engine, shown.guest(), as_ada()).await,
            Act::PromoteAgain => {
                promoted(engine, self.before_promotion.as_ref().unwrap(), as_owner()).await
            }
            Act::Merge => promoted(engine, shown.guest(), as_owner()).await,
            Act::SignInAsGuest => {
                let guest = Some(shown.guest());
                signed_in(engine.sign_in(as_owner(), guest, cookie(), None).await)
            }
            Act::SignInByKey | Act::SignInByNewKey => {
                signed_in(engine.sign_in_with_device_key(shown.text(), cookie(), None).await)
            }
            Act::SignInByPassword => {
                signed_in(engine.sign_in(as_owner(), None, cookie(), None).await)
            }
            Act::SignInToOne => {
                signed_in(engine.sign_in(as_owner(), None, refresh(ONE), None).await)
            }
            Act::SignUp => signed_in(engine.sign_up(as_ada(), cookie(), None).await),
            Act::SignUpAsOwner => signed_in(engine.sign_up(as_owner(), cookie(), None).await),
            Act::SignOut => done(engine.sign_out(&guest().token).await),
            Act::SignOutRival => done(engine.sign_out(&rival().token).await),
            Act::SignOutAll => done(engine.sign_out_all(guest().user).await),
            Act::SignOutAllOfOwner => done(engine.sign_out_all(owner().user).await),
            Act::Disable => done(engine.disable(guest().user).await),
            Act::DisableOwner => done(engine.disable(owner().user).await),
            Act::Enable => done(engine.enable(guest().user).await),
            Act::Delete => done(engine.delete(guest().user).await),
            Act::DeleteOwner => done(engine.delete(owner().user).await),
            Act::ChangePassword => {
                let token = &owner().token;
                done(engine.change_password(token, PASSWORD, "a new password", None).await)
            }
            Act::SetPassword => {
                let owner = ProvenIdentity::login_id(email(&self.owners_name));
                done(engine.set_password(owner, "a set password").await.map(|_| ()))
            }
            Act::SweepLater => {
                self.world.clock.set(self.fence.unwrap());
                match engine.sweep(100).await {
                    // Somebody was left for the next sweep, because of a fault.
                    Ok(swept) if 0 < swept.left => Answer::of("store".to_owned()),
                    swept => done(swept.map(|swept| swept.guests)),
                }
            }
            Act::Access => done(engine.authenticate(&guest().token).await.map(|_| ())),
            Act::AccessRival => done(engine.authenticate(&rival().token).await.map(|_| ())),
            Act::Refresh => match engine.refresh(&guest().token, &app()).await {
                Err(error) => Answer::of(code(&error)),
                Ok(caller) => {
                    let access_token = Some(engine.access_token(&caller).unwrap().text);
                    Answer { access_token, ..Answer::of("refreshed".to_owned()) }
                }
            },
            Act::UseAccessToken => done(engine.authenticate_access(shown.text()).await.map(|_| ())),
            Act::Redeem => {
                let code = self.code.as_deref().unwrap();
                signed_in(engine.redeem_code(code, &app(), REDIRECT_URI, VERIFIER).await)
            }
            Act::OpenFlow => {
                let start = FlowStart::PromotionCode(self.promotion_code.as_deref().unwrap());
                done(engine.open_flow(start, &[]).await.map(|_| ()))
            }
        }
    }
}

/// One that the acts have to do with.
fn is_there(held: Option<&Held>) -> &Held {
    held.unwrap()
}

impl Answer {
    fn of(code: String) -> Self {
        Self { code, held: None, access_token: None }
    }
}

async fn promoted(engine: &Engine, guest: &Guest, credential: Credential) -> Answer {
    signed_in(engine.promote(guest, credential, cookie(), None).await)
}

fn signed_in(result: Result<SignedIn, Error>) -> Answer {
    match result {
        Ok(signed_in) => {
            let held = Held::from(signed_in);
            let outcome = format!("{:?}", held.outcome);
            let code = outcome.split(' ').next().unwrap().to_owned();
            Answer { held: Some(held), ..Answer::of(code) }
        }
        Err(error) => Answer::of(code(&error)),
    }
}

fn done<T: std::fmt::Debug>(result: Result<T, Error>) -> Answer {
    Answer::of(match result {
        Ok(done) => format!("{done:?}"),
        Err(error) => code(&error),
    })
}

fn code(error: &Error) -> String {
    match error.rejection() {
        Some(rejection) => rejection.code().to_owned(),
        None if matches!(error, Error::Contended) => "contended".to_owned(),
        None if matches!(error, Error::Store(_)) => "store".to_owned(),
        None => panic!("{error:?}"),
    }
}
