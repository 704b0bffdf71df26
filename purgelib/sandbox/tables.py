"""The institution's code tables: codes and what they mean, in the beginning and as somebody left them."""

import weakref

INSTITUTION = "01INV_INST"
INSTITUTION_NAME = "Invented University"
# Every number that Alma gives ends in these digits of the institution.
SUFFIX = "0002026"
CURRENCY = "USD"


class _Tables(dict):
    """The code tables; those that were changed by PUT /conf/code-tables are as the store in use has them."""

    def __init__(self, tables):
        super().__init__(tables)
        self._changed, self._now = weakref.WeakKeyDictionary(), {}

    def __getitem__(self, name):
        return self._now.get(name) or super().__getitem__(name)

    def use(self, memory):
        """Puts the tables of this store in force; with None those of the beginning."""
        if memory is None:
            self._now = {}
            return
        if memory not in self._changed:
            self._changed[memory] = _kept(memory)
        self._now = self._changed[memory]

    def reread(self, memory):
        """Reads the tables of this store anew, now and at their next use: a write may yet be taken back."""
        self._changed.pop(memory, None)
        self._now = _kept(memory)


def _kept(memory):
    return {name: {row["code"]: row["description"] for row in rows}
            for name, rows in memory.get("code_tables", {}).items()}


TABLES = _Tables({
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
        "MANUAL_HANDLING_REQUIRED": "Manual Handling Required", "FINALIZING": "Finalizing",
        "COMPLETED_SUCCESS": "Completed Successfully", "COMPLETED_NO_BULKS": "Completed with no Bulks",
        "COMPLETED_FAILED": "Completed with Errors", "FAILED": "Failed",
        "COMPLETED_WARNING": "Completed with Warnings", "USER_ABORTED": "Aborted by User",
        "SYSTEM_ABORTED": "Aborted by System", "SKIPPED": "Skipped",
    },
    "UserIdentifierTypes": {
        "BARCODE": "Barcode", "UNIV_ID": "University ID", "INST_ID": "Institution ID",
        "OTHER_ID_1": "Additional ID 1", "OTHER_ID_2": "Additional ID 2",
        **{f"{n:02d}": f"Additional {n:02d}" for n in range(1, 11)},
    },
    "UserAddressTypes": {"home": "Home", "work": "Work", "school": "School", "alternative": "Alternative"},
    "UserEmailTypes": {"personal": "Personal", "work": "Work", "school": "School", "alternative": "Alternative"},
    "UserPhoneTypes": {"home": "Home", "mobile": "Mobile", "office": "Office", "officeFax": "Office fax"},
    "RequestCancellationReasons": {
        "CancelledAtPatronRequest": "Cancelled at patron's request", "CannotBeFulfilled": "Cannot be fulfilled",
        "PatronNotInterested": "Patron is no longer interested", "RequestSwitched": "Request was switched",
    },
    "FineFeeTransactionReason": {
        "OTHER": "Other", "LIBRARYERROR": "Library error", "ITEMRETURNED": "Item was returned",
        "DIFFICULTY": "Financial difficulty",
    },
    "PaymentMethod": {"CASH": "Cash", "CREDIT_CARD": "Credit card", "ONLINE": "Online"},
    "HFrUserRoles.roleType": {
        "200": "Patron", "21": "Circulation Desk Operator", "26": "User Manager", "32": "Circulation Manager",
        "50": "Catalog Manager", "52": "Cataloger", "51": "Catalog Administrator", "214": "API Operator",
        "221": "User Administrator",
    },
    "UserRoleStatus": {"ACTIVE": "Active", "INACTIVE": "Inactive"},
    "UserBlockTypes": {"GENERAL": "General", "LOAN": "Loan", "CASH": "Cash"},
    "UserBlockDescription": {"02-GLOBAL": "Blocked everywhere", "01-OVERDUE": "Too many overdue items"},
    "NoteTypes": {
        "LIBRARY": "Library", "REGISTRAR": "Registrar", "OTHER": "Other", "ADDRESS": "Address",
        "BARCODE": "Barcode", "CIRCULATION": "Circulation", "ERP": "ERP", "POPUP": "General",
    },
    "UserStatCategories": {"CLASS2021": "Class of 2021", "DISTANCE": "Distance learner", "HONORS": "Honors"},
    "UserPreferredLanguage": {"en": "English", "de": "German", "es": "Spanish"},
    "SetType": {"ITEMIZED": "Itemized", "LOGICAL": "Logical"},
    "SetPrivacy": {"true": "Yes", "false": "No"},
    "SetStatus": {"ACTIVE": "Active", "INACTIVE": "Inactive"},
    "SetOrigin": {"UI": "Institution only", "UI_CZ": "Community Zone"},
    "JobsApiJobTypes": {"MANUAL": "Manual", "SCHEDULED": "Scheduled", "OTHER": "Other"},
    "SetContentType": {"USER": "User", "BIB_MMS": "All Titles", "ITEM": "Physical items"},
    "HPaTaskChain.type": {"USER": "Users", "BIB": "Bibliographic records", "FULFILLMENT": "Fulfillment"},
    "HFrUserFinesFees.fineFeeType": {
        "OVERDUEFINE": "Overdue fine", "LOSTITEMREPLACEMENTFEE": "Lost item replacement fee",
        "LOSTITEMPROCESSFEE": "Lost item process fee", "CREDIT": "Credit", "CARDRENEWAL": "Card renewal",
    },
    "HFrUserFinesFees.fineFeeStatus": {
        "ACTIVE": "Active", "INDISPUTE": "In dispute", "EXPORTED": "Exported", "CLOSED": "Closed",
    },
    "FineFeeTransactionType": {
        "PAYMENT": "Payment", "WAIVE": "Waive", "DISPUTE": "Dispute", "RESTORE": "Restore",
        "CREDIT": "Credit",
    },
    "CatalogerLevel": {"00": "[00] Default Level", "10": "[10] Staff", "90": "[90] Administrator"},
    "CountryCodes": {"USA": "United States", "CAN": "Canada", "DEU": "Germany", "CHE": "Switzerland"},
    "UserWebAddressTypes": {"home": "Home", "work": "Work"},
    "JobTitles": {"CATALOGER": "Cataloger", "CIRC": "Circulation desk operator", "LIBRARIAN": "Librarian"},
    "UserTitles": {"DR": "Dr.", "PROF": "Prof.", "MR": "Mr.", "MRS": "Mrs.", "MS": "Ms."},
    "Genders": {"MALE": "Male", "FEMALE": "Female", "UNSPECIFIED": "Unspecified"},
    "UserStatisticalTypes": {"FACULTY": "Faculty", "YEAR": "Year"},
    "systemJobsGroups": {
        "USERS": "Users", "FULFILLMENT": "Fulfillment", "ANALYTICS": "Analytics", "REPOSITORY": "Repository",
    },
})
CAMPUSES = {"MAIN": "Main Campus", "LAKE": "Lakeside Campus"}
# The institutions of the fulfilment network from which users were copied here.
NETWORK = ("01OTHER_INST",)
LIBRARIES = {"MAINLIB": "Main Library", "LAKELIB": "Lakeside Library", "SCI": "Science Library"}


def code(table, value):
    """Returns Alma's code field for this value: the code and its meaning."""
    return {"value": value, "desc": TABLES[table].get(value, value) if value else ""}
