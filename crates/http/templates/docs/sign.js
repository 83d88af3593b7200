// Signs a request by the API's rule, sends it and shows what came. The secret stays in the memory of this page: it is neither
// stored nor sent.

const $ = (id) => document.getElementById(id);
const utf8 = new TextEncoder();

// Names are sorted as UTF-8, which differs from JavaScript's own order beyond the first 65536 characters.
function byBytes([a], [b]) {
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  for (let at = 0; at < left.length && at < right.length; at += 1) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

function isEmpty(value) {
  return value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

// As JSON.stringify writes it into the body: what is signed is what is sent.
function asText(value) {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "1" : "0";
  return JSON.stringify(value);
}

function isKeyed(body) {
  return body.signType === "HMAC-SHA256";
}

export function stringToSign(body, secret) {
  const parts = Object.entries(body)
    .filter(([name, value]) => name !== "sign" && !isEmpty(value))
    .sort(byBytes)
    .map(([name, value]) => `${name}=${asText(value)}`);
  return (isKeyed(body) ? parts : [...parts, `secret=${secret}`]).join("&");
}

async function digest(body, secret) {
  const text = utf8.encode(stringToSign(body, secret));
  if (!isKeyed(body)) return crypto.subtle.digest("SHA-1", text);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", utf8.encode(secret), hmac, false, ["sign"]);
  return crypto.subtle.sign("HMAC", key, text);
}

export async function sign(body, secret) {
  const bytes = new Uint8Array(await digest(body, secret));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
}

function nonce() {
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  return 10000 + (random % 90000);
}

// How far this device's clock is behind the server's, in seconds; known after a refused timestamp.
let behind = 0;

function present() {
  return Math.floor(Date.now() / 1000) + behind;
}

function problem(text) {
  $("problem").textContent = text ?? "";
  $("problem").hidden = text === undefined;
}

function readFields() {
  try {
    const fields = JSON.parse($("fields").value);
    return fields !== null && typeof fields === "object" && !Array.isArray(fields) ? fields : undefined;
  } catch {
    return undefined;
  }
}

function noteClock(answer) {
  const serverTime = answer?.data?.serverTime;
  const off = serverTime === undefined ? 0 : serverTime - present();
  if (Math.abs(off) > 5) behind += off;
  $("clock").hidden = Math.abs(off) <= 5;
  $("clock").textContent = $("clock").dataset.text.replace("{seconds}", Math.abs(off));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(event) {
  event.preventDefault();
  problem();
  const fields = readFields();
  if (fields === undefined) {
    problem($("problem").dataset.noObject);
    return;
  }
  const secret = $("secret").value;
  const body = { appkey: $("appkey").value, timestamp: present(), nonce: nonce(), ...fields };
  delete body.sign;
  $("send").disabled = true;
  try {
    const signed = { ...body, sign: await sign(body, secret) };
    $("string-to-sign").textContent = stringToSign(body, "***");
    $("sign").textContent = signed.sign;
    $("sent").textContent = JSON.stringify(signed, null, 2);
    $("answer").textContent = "…";
    $("clock").hidden = true;
    $("result").hidden = false;
    const response = await fetch($("operation").value, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
      body: JSON.stringify(signed),
    });
    const text = await response.text();
    const retry = response.headers.get("Retry-After");
    $("answer").textContent = `HTTP ${response.status}${retry ? ` · Retry-After: ${retry}` : ""}\n${pretty(text)}`;
    noteClock(JSON.parse(text));
    offerRefresh(JSON.parse(text));
  } catch (error) {
    problem(`${$("problem").dataset.unreachable} (${error.message})`);
  } finally {
    $("send").disabled = false;
  }
}

// The refresh just accepted is what the operation that asks for one is most likely to be asked about.
function offerRefresh(answer) {
  const refreshId = answer?.data?.refreshId;
  const option = Array.from($("operation").options).find((one) => "refreshId" in JSON.parse(one.dataset.fields));
  if (refreshId !== undefined && option !== undefined) option.dataset.fields = JSON.stringify({ refreshId }, null, 2);
}

function showFields() {
  $("fields").value = $("operation").selectedOptions[0].dataset.fields;
}

if (globalThis.crypto?.subtle === undefined) {
  // Browsers give WebCrypto to https and localhost only.
  $("insecure").hidden = false;
  $("send").disabled = true;
}
$("operation").addEventListener("change", showFields);
$("call").addEventListener("submit", send);
showFields();
