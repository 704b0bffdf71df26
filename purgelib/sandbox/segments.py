"""What a PUT does not simply replace: the other segment's entries, protected fields, roles, Alma's own."""

from purgelib.sandbox import records
from purgelib.sandbox.assumptions import OTHER_SEGMENT_STAYS
from purgelib.sandbox.entries import SEGMENTS

# On an external user these stay as a person set them by hand, unless named in `override` [API.md 2.4].
PROTECTED = ("user_group", "job_category", "preferred_language", "campus_code", "rs_library", "user_title",
             "library_notice", "pref_first_name", "pref_middle_name", "pref_last_name", "cataloger_level")
_IN_XML = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
# Fields that only Alma itself writes.
_ALMAS_OWN = ("last_patron_activity_date", "source_link_id", "source_institution_code", "linking_id",
              "proxy_for_user")


def keep(query, old, new, sent, hidden):
    """Carries over from the old record what a PUT with this query leaves as it is; `new` is changed."""
    _keep_own(old, new)
    _keep_roles(query, old, new)
    if old["account_type"]["value"] != "EXTERNAL":
        return
    override = _named(query)
    for name in PROTECTED:
        stays = name in hidden["manual"] or _is_empty(sent.get(name))
        if stays and not {name, _IN_XML.get(name)} & override:
            new[name] = old[name]
    if OTHER_SEGMENT_STAYS:
        for name in SEGMENTS:
            before, after = _holders(old, new, name)
            after[name] = _with_other_segment(before[name], after[name])


def keep_pin(query, old, pin, hidden):
    """Returns the PIN after a PUT: an empty one changes nothing, a manual one stays unless overridden."""
    external = old["account_type"]["value"] == "EXTERNAL"
    named = "pin_number" in _named(query)
    if external and named:
        return pin
    return hidden["pin"] if not pin or external and "pin_number" in hidden["manual"] else pin


def _named(query):
    return {word.strip() for word in query.get("override", "").split(",")}


def _keep_own(old, new):
    for name in _ALMAS_OWN:
        new.pop(name, None)
        if name in old:
            new[name] = old[name]
    if old["status"] == new["status"]:
        new["status_date"] = old["status_date"]


def _keep_roles(query, old, new):
    if query.get("recalculate_roles", "").lower() == "true":
        new["user_role"] = records.roles_by_rule()
    elif not new["user_role"]:
        new["user_role"] = old["user_role"]


def _is_empty(field):
    if isinstance(field, dict):
        field = field.get("value")
    return not field


def _holders(old, new, name):
    if name in ("address", "email", "phone"):
        return old["contact_info"], new["contact_info"]
    return old, new


def _with_other_segment(before, after):
    """Puts back old entries of a segment of which nothing came, unless one came that says the same."""
    kinds = {entry["segment_type"] for entry in after}
    if len(kinds) != 1:
        return after
    said = [_bare(entry) for entry in after]
    stays = [entry for entry in before if entry["segment_type"] not in kinds and _bare(entry) not in said]
    return [*after, *stays]


def _bare(entry):
    return {name: value for name, value in entry.items() if name != "segment_type"}
