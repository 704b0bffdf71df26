"""What Alma's XML writes otherwise than its JSON, as tables: wrappers, attributes, kinds of fields.

From the XSDs for users, requests and code tables, from the hints in the JSON schemas for the others.
"""

# A list in JSON -> the element around its entries in XML, unless that is the object itself.
WRAPPERS = {
    "user_identifier": "user_identifiers", "user_role": "user_roles", "user_block": "user_blocks",
    "user_note": "user_notes", "user_statistic": "user_statistics", "proxy_for_user": "proxy_for_users",
    "rs_library": "rs_libraries", "library_notice": "library_notices", "address": "addresses",
    "email": "emails", "phone": "phones", "address_type": "address_types", "email_type": "email_types",
    "phone_type": "phone_types", "row": "rows", "header": "headers", "parameter": "parameters",
    "counter": "counters", "alert": "alerts", "action": "actions", "transaction": "transactions",
    "event_key": "event_keys", "operator": "operators", "user": "users", "fee": "fees",
    "item_loan": "item_loans", "user_request": "user_requests", "user_deposit": "user_deposits",
    "purchase_request": "purchase_requests", "member": "members", "set": "sets", "job": "jobs",
    "job_instance": "job_instances", "event": "events", "library": "libraries", "location": "locations",
    "circ_desk": "circ_desks", "department": "departments", "code_table": "code_tables",
    "mapping_table": "mapping_tables", "path": "paths",
}
LISTS = {wrapper: name for name, wrapper in WRAPPERS.items()}
# Keys that are attributes, in whatever object they stand; and those that are so in one object only.
ATTRIBUTES = {"link", "total_record_count", "segment_type", "preferred", "preferred_sms"}
ATTRIBUTES_OF = {"fees": {"total_sum", "currency"}}
# What a code field has beside its value: nearly always a description or a link.
BESIDE = {"desc", "link"}
BESIDE_IN = {"location_code": {"name"}, "item_policy": {"desc", "description"}, "path": {"link", "type"}}
# Words that an XSD lists otherwise than JSON has them.
SPOKEN = {"request_status": {"IN_PROCESS": "In Process", "ON_HOLD_SHELF": "On Hold Shelf",
                             "NOT_STARTED": "Not Started", "HISTORY": "History"}}
# What may stand at the top of a body.
BODIES = {"user", "set", "members", "job", "fee", "user_request", "code_table"}
# Object -> kind -> fields; what is not named is a text. The same name may be another thing elsewhere:
# `status` is a code in a user and a text in an identifier, and a parameter of a job is none of a role.
_KINDS = {
    "user": {
        "code": "record_type user_title job_category gender user_group campus_code cataloger_level "
                "preferred_language account_type status",
        "flag": "is_researcher", "amount": "requests loans fees"},
    "user_identifier": {"code": "id_type"},
    "user_role": {"code": "status scope role_type"},
    "user_role.parameter": {"code": "type scope value"},
    "user_block": {"code": "block_type block_description"},
    "user_note": {"code": "note_type", "flag": "user_viewable popup_note"},
    "user_statistic": {"code": "statistic_category category_type"},
    "rs_library": {"code": "code"},
    "library_notice": {"code": "code", "flag": "value"},
    "address": {"code": "country address_type", "flag": "preferred"},
    "email": {"code": "email_type", "flag": "preferred"},
    "phone": {"code": "phone_type", "flag": "preferred preferred_sms"},
    "set": {"code": "type content private status created_by query origin", "amount": "number_of_members"},
    "job": {"code": "type category content schedule related_profile additional_info"},
    "job.parameter": {"code": "name"},
    "fee": {"code": "type status owner user_primary_id barcode",
            "number": "balance remaining_vat_amount original_amount original_vat_amount"},
    "transaction": {"code": "type reason received_by payment_method", "number": "amount vat_amount"},
    "user_request": {
        "code": "request_sub_type target_destination material_type destination_location call_number_type "
                "item_policy", "flag": "partial_digitization", "number": "place_in_queue"},
    "code_table": {"code": "sub_system language", "flag": "patron_facing"},
    "code_table.scope": {"code": "institution_id library_id"},
    "code_table.row": {"flag": "default enabled"},
}
FIELDS = {shape: {name: kind for kind, names in kinds.items() for name in names.split()}
          for shape, kinds in _KINDS.items()}


def below(shape, name):
    """Returns by which name the tables know this part of an object."""
    whole = f"{shape}.{name}"
    return whole if whole in FIELDS else name
