"""The institution's code tables: codes and what they mean."""

INSTITUTION = "01INV_INST"
INSTITUTION_NAME = "Invented University"

TABLES = {
    "UserGroups": {
        "01": "Faculty", "02": "Staff", "03": "Emeriti", "05": "Graduate", "06": "Undergraduate",
        "07": "Doctoral", "08": "Exchange", "10": "Alumni", "12": "Visiting scholar", "20": "Community",
        "30": "Library staff", "40": "ILL partner", "ISHARE": "I-Share linked",
    },
    "AddNewUserOptions": {"PUBLIC": "Public", "STAFF": "Staff", "CONTACT": "Contact"},
    "UserUserType": {"INTERNAL": "Internal", "EXTERNAL": "External"},
    "ContentStructureStatus": {"ACTIVE": "Active", "INACTIVE": "Inactive", "DELETED": "Deleted"},
    "systemJobStatus": {
        "QUEUED": "Queued", "PENDING": "Pending", "INITIALIZING": "Initializing", "RUNNING": "Running",
        "FINALIZING": "Finalizing", "COMPLETED_SUCCESS": "Completed Successfully",
        "COMPLETED_WARNING": "Completed with Warnings", "COMPLETED_FAILED": "Completed with Errors",
        "COMPLETED_NO_BULKS": "Completed - nothing to do", "FAILED": "Failed",
        "USER_ABORTED": "Aborted by User", "SYSTEM_ABORTED": "Aborted by System",
        "MANUAL_HANDLING_REQUIRED": "Manual Handling Required", "SKIPPED": "Skipped",
    },
    "UserIdentifierTypes": {"BARCODE": "Barcode", "UNIV_ID": "University ID", "INST_ID": "Institution ID"},
    "HFrUserRoles.roleType": {
        "200": "Patron", "21": "Circulation Desk Operator", "26": "User Manager", "32": "Circulation Manager",
        "50": "Catalog Manager", "52": "Cataloger", "51": "Catalog Administrator", "214": "API Operator",
        "221": "User Administrator",
    },
    "UserRoleStatus": {"ACTIVE": "Active", "INACTIVE": "Inactive"},
    "UserBlockTypes": {"GENERAL": "General", "LOAN": "Loan", "CASH": "Cash"},
    "UserBlockDescription": {"02-GLOBAL": "Blocked everywhere", "01-OVERDUE": "Too many overdue items"},
    "NoteTypes": {"LIBRARY": "Library", "REGISTRAR": "Registrar", "OTHER": "Other"},
    "UserStatCategories": {"CLASS2021": "Class of 2021", "DISTANCE": "Distance learner", "HONORS": "Honors"},
    "UserPreferredLanguage": {"en": "English", "de": "German", "es": "Spanish"},
    "SetContentType": {"USER": "User", "BIB_MMS": "All Titles", "ITEM": "Physical items"},
    "HPaTaskChain.type": {"USER": "Users", "BIB": "Bibliographic records", "FULFILLMENT": "Fulfillment"},
    "FineFeeType": {
        "OVERDUEFINE": "Overdue fine", "LOSTITEMREPLACEMENTFEE": "Lost item replacement fee",
        "LOSTITEMPROCESSFEE": "Lost item process fee", "CREDIT": "Credit", "CARDRENEWAL": "Card renewal",
    },
    "FineFeeStatus": {
        "ACTIVE": "Active", "INDISPUTE": "In dispute", "EXPORTED": "Exported", "CLOSED": "Closed",
    },
}
CAMPUSES = {"MAIN": "Main Campus", "LAKE": "Lakeside Campus"}
LIBRARIES = {"MAINLIB": "Main Library", "LAKELIB": "Lakeside Library", "SCI": "Science Library"}


def code(table, value):
    """Returns Alma's code field for this value: the code and its meaning."""
    return {"value": value, "desc": TABLES[table].get(value, value) if value else ""}
