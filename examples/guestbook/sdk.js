// The page at /sdk: everything goes through the published SDK, which is the global `authgear`.

const CLIENT_ID = "web";
const SESSION_TYPE_KEY = "guestbook_session_type";
/** With a cookie the browser leaves the page to log out; this remembers why it left. */
const LOGGING_OUT_KEY = "guestbook_logging_out";
/** The guest who left for the sign-up page, where it is possible to log in instead. */
const SIGNING_UP_KEY = "guestbook_signing_up";
/** Where the engine sends the browser back to; the same page, without a query. */
const REDIRECT_URI = `${location.origin}/sdk`;

const sdk = authgear.default;
const element = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("main button")];
const radios = [...document.querySelectorAll("input[name=session-type]")];

/** The `sub` of the guest that the visitor is, or null. */
let guest = null;
let sessionType = localStorage.getItem(SESSION_TYPE_KEY) === "cookie" ? "cookie" : "refresh_token";

function show(id, text) {
  element(id).textContent = text;
  element(id).hidden = text === "";
}

/** Does one thing at a time, and says what came of it. */
async function attempt(action, done = "") {
  const asked = document.activeElement;
  show("problem", "");
  show("done", "");
  element("last-warning").hidden = true;
  for (const control of [...buttons, ...radios]) control.disabled = true;
  try {
    await action();
    show("done", done);
  } catch (error) {
    show("problem", error?.error_description || error?.message || error?.error || String(error));
  }
  await describe();
  giveFocusBack(asked);
}

/** A browser takes the focus from a button that is disabled, and whoever uses the keyboard would begin anew. */
function giveFocusBack(asked) {
  if (asked === document.body || document.activeElement !== document.body) return;
  const canHave = (control) => !control.disabled && control.offsetParent !== null;
  [asked, ...buttons].find(canHave)?.focus();
}

/** The user behind the session, or null. Asking would be an error without one, which is no trouble here. */
async function currentUser() {
  const known = sessionType === "cookie" || sdk.sessionState === "AUTHENTICATED";
  if (!known) return null;
  try {
    return await sdk.fetchUserInfo();
  } catch {
    return null;
  }
}

async function describe() {
  const user = await currentUser();
  const isGuest = user?.isAnonymous ?? false;
  guest = isGuest ? user.sub : null;
  element("state").textContent = user ? "signed in" : "not signed in";
  element("kind").textContent = user ? (isGuest ? "guest (anonymous)" : "with an account (regular)") : "none";
  element("sub").textContent = user?.sub ?? "none";
  for (const button of buttons) button.disabled = false;
  element("guest").disabled = user !== null && !isGuest;
  element("sign-up").disabled = !isGuest;
  element("log-out").disabled = user === null;
  element("composer").querySelector("button").disabled = user === null;
  for (const radio of radios) {
    radio.checked = radio.value === sessionType;
    // Told to use cookies, the SDK drops the refresh token, and a guest has nothing else. A token may be kept
    // though the user could not be asked for just now.
    radio.disabled = user !== null || sdk.sessionState === "AUTHENTICATED";
  }
}

/** Comes back from the engine's pages: `state` says what was begun. */
async function comeBack() {
  const query = new URLSearchParams(location.search);
  const begun = query.get("state");
  if (begun === null) return wasLoggedOut(await currentUser()) ? "Logged out." : "";
  let user;
  try {
    const finished =
      begun === "sign-up" ? await sdk.finishPromoteAnonymousUser() : await sdk.finishAuthentication();
    user = finished.userInfo;
  } finally {
    // Loading the page again must not finish a second time.
    history.replaceState(null, "", REDIRECT_URI);
  }
  if (begun !== "sign-up") return "Logged in.";
  const leftAs = sessionStorage.getItem(SIGNING_UP_KEY);
  sessionStorage.removeItem(SIGNING_UP_KEY);
  const isSame = leftAs === null || leftAs === user.sub;
  return isSame ? `Signed up. You are still ${user.sub}.` : `Logged in. The guest was joined to ${user.sub}.`;
}

function wasLoggedOut(user) {
  const wasBegun = sessionStorage.getItem(LOGGING_OUT_KEY) !== null;
  sessionStorage.removeItem(LOGGING_OUT_KEY);
  return wasBegun && user === null;
}

async function logOut() {
  if (sessionType === "cookie") sessionStorage.setItem(LOGGING_OUT_KEY, "yes");
  await sdk.logout({ redirectURI: REDIRECT_URI });
}

async function signUp() {
  sessionStorage.setItem(SIGNING_UP_KEY, guest);
  await sdk.startPromoteAnonymousUser({ redirectURI: REDIRECT_URI, state: "sign-up" });
}

async function logIn() {
  await sdk.startAuthentication({ redirectURI: REDIRECT_URI, state: "log-in", page: "login" });
}

async function post() {
  const response = await sdk.fetch(`${location.origin}/api/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: element("message").value }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
  element("message").value = "";
}

async function configure() {
  await sdk.configure({ clientID: CLIENT_ID, endpoint: location.origin, sessionType });
}

/** Switches to the other session type, unless another tab has signed in since this one looked. */
async function switchTo(other) {
  await configure();
  if ((await currentUser()) !== null || sdk.sessionState === "AUTHENTICATED") {
    throw new Error("You are signed in, perhaps from another tab. Log out before you change the session type.");
  }
  sessionType = other;
  localStorage.setItem(SESSION_TYPE_KEY, sessionType);
  await configure();
}

/** What would leave a guest behind for good, for a guest has no way back: it is asked first, as on the wall. */
const FAREWELLS = {
  "log-in": {
    warning:
      "You are a guest. If you log in from here, nothing can let you back in as this one. To take along what it did, " +
      "choose Sign up to keep this, and Log in on the page that comes.",
    allTheSame: "Log in all the same",
    // With a cookie the guest is known to the page to log in, which says what becomes of it.
    isLeft: () => guest !== null && sessionType === "refresh_token",
    leave: () => attempt(logIn),
  },
  "log-out": {
    warning: "You are a guest. If you log out, nothing can let you back in as this one.",
    allTheSame: "Log out all the same",
    isLeft: () => guest !== null,
    leave: () => attempt(logOut, "Logged out."),
  },
};
let farewell = "log-out";

for (const [id, { warning, allTheSame, isLeft, leave }] of Object.entries(FAREWELLS)) {
  element(id).addEventListener("click", () => {
    if (!isLeft()) return leave();
    farewell = id;
    element("warning").textContent = warning;
    element("leave").textContent = allTheSame;
    element("last-warning").hidden = false;
    element("stay").focus();
  });
}
element("leave").addEventListener("click", () => FAREWELLS[farewell].leave());
element("stay").addEventListener("click", () => {
  element("last-warning").hidden = true;
  element(farewell).focus();
});
element("guest").addEventListener("click", () => attempt(() => sdk.authenticateAnonymously(), "You are a guest."));
element("sign-up").addEventListener("click", () => attempt(signUp));
element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(post, "Posted.");
});
for (const radio of radios) radio.addEventListener("change", () => attempt(() => switchTo(radio.value)));

let welcome = "";
await attempt(async () => {
  await configure();
  welcome = await comeBack();
});
if (welcome) show("done", welcome);
