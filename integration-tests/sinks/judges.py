# SPDX-License-Identifier: Apache-2.0
"""What receivers take and refuse, written from their API documents: one function a receiver, (method, path, headers, body, secrets) -> (status, words,
rows), a row for each finding that was taken: {"id": ...}. Stricter than the real ones where those forgive what we should not send."""
import base64
import datetime
import hashlib
import hmac
import json
import re

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Refused(Exception):
    """Status and words."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def refuse_twins(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key twice in one object")
    return dict(pairs)


def parse(body):
    try:
        return json.loads(body.decode("utf-8"), parse_constant=refuse_constant, object_pairs_hook=refuse_twins)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"not JSON: {error}") from error


def need(condition, words, status=400):
    if not condition:
        raise Refused(status, words)


def prove(headers, secrets):
    """RFC 6750 and RFC 7617."""
    if "bearer" in secrets:
        need(headers.get("Authorization") == f"Bearer {secrets['bearer']}", "wrong token", 401)
    if "basic" in secrets:
        expected = base64.b64encode(secrets["basic"].encode()).decode()
        need(headers.get("Authorization") == f"Basic {expected}", "wrong user or password", 401)


def check_common(method, headers, body, content_type):
    need(method == "POST", "POST only", 405)
    need(headers.get_all("Content-Type") == [content_type], f"Content-Type is {headers.get_all('Content-Type')}", 415)
    need(headers.get("Content-Length") == str(len(body)), "no exact Content-Length", 411)
    need(len(headers.get_all("Host") or []) == 1, "not one Host")


def check_finding(finding):
    need(isinstance(finding, dict) and isinstance(finding.get("vedette"), dict) and finding.get("eventName") and finding.get("metadata"), "no finding")
    return finding["vedette"]["id"]


def webhook(method, path, headers, body, secrets):
    check_common(method, headers, body, "application/json")
    prove(headers, secrets)
    if "hmac" in secrets:
        expected = "sha256=" + hmac.new(secrets["hmac"].encode(), body, hashlib.sha256).hexdigest()
        need(hmac.compare_digest(headers.get("X-Hub-Signature-256", ""), expected), "wrong signature", 403)
    need(headers.get("X-Test") == secrets.get("x-test"), "X-Test is not what was configured")
    found = parse(body)
    name = found.get("id") if "template" in secrets else check_finding(found)
    if "template" in secrets:
        need(set(found) == set(secrets["template"]), f"not the template's keys: {sorted(found)}")
    need(headers.get("X-Vedette-Id") == name, "X-Vedette-Id is another finding's")
    return [{"id": name}]


def rfc3339(text, words):
    need(isinstance(text, str) and RFC3339.fullmatch(text), f"{words} is not RFC 3339")
    return datetime.datetime.fromisoformat(re.sub(r"\.(\d{6})\d*", r".\1", text).replace("Z", "+00:00"))


def alertmanager(method, path, headers, body, secrets):
    """api/v2/openapi.yaml: postableAlerts; and its checks: Alert.Validate of prometheus/common/model."""
    need(path == "/api/v2/alerts", f"no such path: {path}", 404)
    check_common(method, headers, body, "application/json")
    alerts = parse(body)
    need(isinstance(alerts, list) and alerts, "no array of alerts")
    rows = []
    for alert in alerts:
        need(isinstance(alert, dict) and not set(alert) - {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}, "unknown keys")
        for key in ("labels", "annotations"):
            need(isinstance(alert.get(key), dict), f"{key} is no object")
            for name, value in alert[key].items():
                need(LABEL_NAME.fullmatch(name), f"{key}: {name!r} is no name", 400)
                need(isinstance(value, str) and value, f"{key}: {name} is no text, or empty", 400)
        need(alert["labels"].get("alertname"), "no alertname")
        starts, ends = rfc3339(alert.get("startsAt"), "startsAt"), rfc3339(alert.get("endsAt"), "endsAt")
        need(ends > starts, "start time must be before end time")
        need(ends > datetime.datetime.now(datetime.timezone.utc), "resolved before it came")
        rows.append({"id": alert["labels"].get("id") or alert["annotations"]["id"], "labels": alert["labels"], "ends": alert["endsAt"]})
    return rows


def loki(method, path, headers, body, secrets):
    """POST /loki/api/v1/push of Loki's HTTP API; limits by their defaults."""
    need(path == "/loki/api/v1/push", f"no such path: {path}", 404)
    check_common(method, headers, body, "application/json")
    need(headers.get("X-Scope-OrgID") == secrets.get("tenant"), "no org id", 401)
    found = parse(body)
    need(isinstance(found, dict) and set(found) == {"streams"} and isinstance(found["streams"], list) and found["streams"], "no streams")
    rows = []
    for stream in found["streams"]:
        need(set(stream) == {"stream", "values"}, "a stream has stream and values")
        labels = stream["stream"]
        need(labels, "error at least one label pair is required per stream")
        need(len(labels) <= 15, "entry has too many label names")
        for name, value in labels.items():
            need(LABEL_NAME.fullmatch(name) and len(name) <= 1024, f"{name!r} is no label's name")
            need(isinstance(value, str) and value and len(value) <= 2048, f"label {name} is no text, empty or long")
        need(not set(labels) - {"job", "detection", "severity", "node", "namespace", "cluster"}, f"a label without bounds: {sorted(labels)}")
        for entry in stream["values"]:
            need(isinstance(entry, list) and len(entry) in (2, 3), "an entry is time, line and perhaps metadata")
            need(isinstance(entry[0], str) and re.fullmatch(r"\d{19}", entry[0]), "the time is no text of nanoseconds")
            need(isinstance(entry[1], str) and len(entry[1].encode()) <= 256 << 10, "the line is no text, or too long")
            metadata = entry[2] if len(entry) == 3 else {}
            need(all(isinstance(value, str) for value in metadata.values()), "metadata that is no text")
            name = check_finding(parse(entry[1].encode()))
            need(metadata.get("id") == name, "the metadata is another finding's")
            rows.append({"id": name, "labels": labels})
    return rows


def wrap(judge, status):
    def answer(method, path, headers, body, secrets):
        try:
            return status, "", judge(method, path, headers, body, secrets)
        except Refused as reason:
            return reason.status, str(reason), []
        except (KeyError, TypeError, AttributeError) as error:
            return 400, f"not of the shape: {error!r}", []

    return answer


JUDGES = {"webhook": wrap(webhook, 200), "alertmanager": wrap(alertmanager, 200), "loki": wrap(loki, 204)}

# -- syslog --

HEADER = re.compile(
    rb"<(0|[1-9]\d{0,2})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ")
ELEMENT = re.compile(rb'\[([!#-<>-\\^-~]{1,32})((?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\]')
PARAMETER = re.compile(rb' ([!#-<>-\\^-~]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')


def syslog(message):
    """A message of RFC 5424 section 6 as (priority, header fields, structured data, MSG); raises Refused."""
    match = HEADER.match(message)
    need(match and int(match[1]) <= 191, f"no header of RFC 5424: {message[:80]!r}")
    rest, elements = message[match.end():], {}
    if rest.startswith(b"-"):
        rest = rest[1:]
    else:
        while element := ELEMENT.match(rest):
            need(element[1] not in elements, "an SD-ID twice")
            pairs = PARAMETER.findall(element[2])
            elements[element[1].decode()] = {name.decode(): re.sub(rb"\\([\"\\\]])", rb"\1", value).decode("utf-8") for name, value in pairs}
            rest = rest[element.end():]
        need(elements, f"no structured data: {rest[:60]!r}")
    need(rest == b"" or rest.startswith(b" "), "something stands behind the structured data")
    text = rest[1:].removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    return int(match[1]), [field.decode() for field in match.groups()[1:]], elements, text
