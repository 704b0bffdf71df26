"""Loans, fees and requests: from the invented facts to Alma's JSON, with ids that follow from their order."""

from purgelib.sandbox import tables
from purgelib.sandbox.tables import code, SUFFIX


def loan_id(number):
    """Returns the id of the loan with this number."""
    return f"2284{number:08d}{SUFFIX}"


def fee_id(number):
    """Returns the id of the fee with this number."""
    return f"9854{number:08d}{SUFFIX}"


def request_id(number):
    """Returns the id of the request with this number."""
    return f"3306{number:08d}{SUFFIX}"


def _library(name):
    return {"value": name, "desc": tables.LIBRARIES[name]}


def loan(fact, primary_id, number):
    """Returns an open loan as Alma's JSON."""
    return {
        "loan_id": loan_id(number), "circ_desk": {"value": "DEFAULT_CIRC_DESK", "desc": "Circulation Desk"},
        "library": _library(fact["library"]), "user_id": primary_id, "item_barcode": fact["barcode"],
        "due_date": f"{fact['due']}T20:00:00Z", "loan_status": "ACTIVE",
        "loan_date": f"{fact['taken']}T09:30:00Z",
        "process_status": "NORMAL", "mms_id": f"9918{number:07d}{SUFFIX}", "title": fact["title"],
        "author": fact["author"], "description": None, "publication_year": "2012",
        "location_code": {"value": "stacks", "name": "Open stacks"},
        "item_policy": {"value": None, "description": None},
        "call_number": "Z 100 .I5", "renewable": None,
    }


def fee(fact, number):
    """Returns a fine or fee as Alma's JSON, transactions included."""
    made, identifier = f"{fact['made']}T08:00:00.000Z", fee_id(number)
    shown = a_fee(identifier, fact["type"], fact["status"], fact["amount"], fact["balance"], made)
    paid = [transaction(f"{identifier}{step}", kind, cents, made)
            for step, (kind, cents) in enumerate(fact["paid"])]
    return {**shown, "title": fact["title"], **({"transaction": paid} if paid else {})}


def a_fee(identifier, kind, status, amount, balance, made):
    """Returns a fine or fee without transactions as Alma's JSON; amounts are given in cents."""
    return {
        "id": identifier, "type": code("HFrUserFinesFees.fineFeeType", kind),
        "status": code("HFrUserFinesFees.fineFeeStatus", status), "balance": balance / 100,
        "remaining_vat_amount": 0.0, "original_amount": amount / 100, "original_vat_amount": 0.0,
        "creation_time": made, "status_time": made, "comment": None, "owner": _library("MAINLIB"),
        "title": "", "barcode": None,
    }


def transaction(identifier, kind, cents, made, by="exl_impl", reason="", method=None, comment="",
                external=""):
    """Returns what was done to a fee, as Alma's JSON: paid or waived, how much, when, by whom."""
    return {
        "transaction_id": identifier, "type": code("FineFeeTransactionType", kind), "amount": cents / 100,
        "vat_amount": 0.0, "reason": reason, "comment": comment, "created_by": by,
        "external_transaction_id": external, "transaction_time": made,
        "received_by": {"value": "", "desc": "Not at desk"},
        "payment_method": method or {"value": "", "desc": ""},
    }


def request(fact, primary_id, number):
    """Returns an open request as Alma's JSON."""
    return {
        "title": fact["title"], "author": fact["author"], "description": "", "comment": "",
        "request_id": request_id(number), "request_type": fact["type"],
        "request_sub_type": {"value": "PATRON_PHYSICAL", "desc": "Patron physical item request"},
        "user_primary_id": primary_id, "pickup_location": "Main Library", "pickup_location_type": "LIBRARY",
        "pickup_location_library": "MAINLIB", "material_type": {"value": "BOOK", "desc": "Book"},
        "request_status": fact["status"], "place_in_queue": 1, "request_date": f"{fact['made']}Z",
        "request_time": f"{fact['made']}T08:15:00.000Z", "mms_id": f"9917{number:07d}{SUFFIX}",
    }
