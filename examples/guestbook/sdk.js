// The page at /sdk: everything goes through the published SDK, which is the global `authgear`.

const CLIENT_ID = "web";
const SESSION_TYPE_KEY = "guestbook_session_type";
/** With a cookie the browser leaves the page to log out; this remembers why it left. */
const LOGGING_OUT_KEY = "guestbook_logging_out";
/** Where the engine sends the browser back to; the same page, without a query. */
const REDIRECT_URI = `${location.origin}/sdk`;

const sdk = authgear.default;
const element = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("main button")];

let isGuest = false;
let sessionType = localStorage.getItem(SESSION_TYPE_KEY) === "cookie" ? "cookie" : "refresh_token";

function show(id, text) {
  element(id).textContent = text;
  element(id).hidden = text === "";
}

/** Does one thing at a time, and says what came of it. */
async function attempt(action, done = "") {
  show("problem", "");
  show("done", "");
  element("last-warning").hidden = true;
  for (const button of buttons) button.disabled = true;
  try {
    await action();
    show("done", done);
  } catch (error) {
    show("problem", error?.error_description || error?.message || error?.error || String(error));
  }
  await describe();
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
  isGuest = user?.isAnonymous ?? false;
  element("state").textContent = user ? "signed in" : "not signed in";
  element("kind").textContent = user ? (isGuest ? "guest (anonymous)" : "with an account (regular)") : "none";
  element("sub").textContent = user?.sub ?? "none";
  for (const button of buttons) button.disabled = false;
  element("guest").disabled = user !== null && !isGuest;
  element("sign-up").disabled = !isGuest;
  element("log-out").disabled = user === null;
  element("composer").querySelector("button").disabled = user === null;
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
  return begun === "sign-up" ? `Signed up. You are still ${user.sub}.` : "Logged in.";
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

element("guest").addEventListener("click", () => attempt(() => sdk.authenticateAnonymously(), "You are a guest."));
element("sign-up").addEventListener("click", () =>
  attempt(() => sdk.startPromoteAnonymousUser({ redirectURI: REDIRECT_URI, state: "sign-up" })),
);
element("log-in").addEventListener("click", () =>
  attempt(() => sdk.startAuthentication({ redirectURI: REDIRECT_URI, state: "log-in", page: "login" })),
);
element("log-out").addEventListener("click", () => {
  // A guest has no way back, so it is asked first, as on the wall.
  if (!isGuest) return attempt(logOut, "Logged out.");
  element("last-warning").hidden = false;
  element("stay").focus();
});
element("log-out-all-the-same").addEventListener("click", () => attempt(logOut, "Logged out."));
element("stay").addEventListener("click", () => {
  element("last-warning").hidden = true;
  element("log-out").focus();
});
element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(post, "Posted.");
});
for (const radio of document.querySelectorAll("input[name=session-type]")) {
  radio.checked = radio.value === sessionType;
  radio.addEventListener("change", () => {
    sessionType = radio.value;
    localStorage.setItem(SESSION_TYPE_KEY, sessionType);
    attempt(configure);
  });
}

let welcome = "";
await attempt(async () => {
  await configure();
  welcome = await comeBack();
});
if (welcome) show("done", welcome);
