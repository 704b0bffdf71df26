"""How the headings of exports and the words in them are spelled: tables only, each with what a spelling means.

English headings are those of the Ex Libris help (Users, Fines and Fees, Fulfillment, Requests) and of public reports,
with their drift. Translations are literal, or the words of the translated help; none was seen on a live Alma. What
can mean something else is left out, and staff add it: Italian and Dutch have one word for expiry and due date.
"""

import re
import unicodedata

# The first spelling is Alma's own, and stands in messages.
HEADINGS = {
    "primary_id": ("Primary Identifier", "Primary ID", "Username", "User Primary Identifier", "User Primary ID",
                   "Primäre Kennung", "Primäre ID", "Identifiant principal", "Identificador principal",
                   "Identificador primario", "ID principal", "Identificatore principale", "Identificativo principale",
                   "Primaire ID", "Identificador primário"),
    "user_group": ("User Group Code", "Benutzergruppencode", "Benutzergruppen-Code", "Code du groupe utilisateur",
                   "Code du groupe d'utilisateurs", "Código de grupo de usuario", "Código de grupo de usuarios",
                   "Código del grupo de usuarios", "Codice gruppo utente", "Code gebruikersgroep",
                   "Código do grupo de usuários", "Código do grupo de utilizadores"),
    "group_name": ("User Group", "User Group Description", "User Group Name", "Benutzergruppe", "Groupe utilisateur",
                   "Groupe d'utilisateurs", "Grupo de usuario", "Grupo de usuarios", "Gruppo utente", "Gruppo utenti",
                   "Gebruikersgroep", "Grupo de usuários", "Grupo de utilizadores"),
    "record_type": ("User Record Type", "Record Type", "Benutzerdatensatztyp", "Benutzer-Datensatztyp", "Datensatztyp",
                    "Type de notice utilisateur", "Type de notice", "Tipo de registro de usuario", "Tipo de registro",
                    "Tipo di record utente", "Tipo di record", "Recordtype", "Tipo de registro de usuário"),
    "account_type": ("Account Type", "User Type", "Kontotyp", "Type de compte", "Tipo de cuenta", "Tipo di account",
                     "Accounttype", "Tipo de conta"),
    "status": ("Status", "User Status", "Benutzerstatus", "Statut", "Statut de l'utilisateur", "Estado del usuario",
               "Stato utente", "Status do usuário"),
    "expiry_date": ("Expiry Date", "User Expiry Date", "Expiration Date", "User Expiration Date", "Ablaufdatum",
                    "Date d'expiration", "Fecha de caducidad", "Data de expiração"),
    "purge_date": ("Purge Date", "User Purge Date", "Date de purge", "Fecha de purga", "Data de purga"),
    "first_name": ("First Name", "Vorname", "Prénom", "Nombre de pila", "Voornaam", "Primeiro nome"),
    "last_name": ("Last Name", "Nachname", "Nom de famille", "Apellido", "Apellidos", "Cognome", "Achternaam",
                  "Sobrenome"),
    "full_name": ("Full Name", "User Full Name", "Vollständiger Name", "Nom complet", "Nombre completo",
                  "Nome completo", "Volledige naam"),
    "campus": ("Campus Code", "Campus", "User Campus Code"),
    "other_roles": ("Has Role Other Than Patron",),
    "fine_id": ("Fine Fee ID", "Fine/Fee ID", "Gebühren-ID"),
    "fine_status": ("Fine Fee Status", "Fine/Fee Status", "Gebührenstatus"),
    "original": ("Original Amount",), "transaction": ("Transaction Amount",), "remaining": ("Remaining Amount",),
    "transaction_id": ("Fine Fee Transaction ID",),
    "transaction_type": ("Fine Fee Transaction Type", "Fine FeeTransaction Type"),
    "currency": ("Currency",),
    "loan_id": ("Item Loan ID", "Loan ID", "Ausleih-ID", "ID de prêt", "ID du prêt", "ID de préstamo",
                "ID del préstamo", "ID prestito", "ID do empréstimo"),
    "loan_status": ("Loan Status", "Ausleihstatus", "Statut du prêt", "Estado del préstamo", "Stato del prestito"),
    "request_id": ("Request ID", "Bestell-ID", "ID de demande", "ID de la demande", "ID de solicitud",
                   "ID de la solicitud", "ID richiesta"),
    "keep_reason": ("Reason to Keep", "Keep Reason"),
    "role_type": ("Role Type", "User Role Type", "Rollentyp", "Type de rôle", "Tipo de rol", "Tipo di ruolo"),
    "role_status": ("Role Status", "Rollenstatus", "Statut du rôle"),
    "role_expiry": ("Role Expiry Date", "Role Expiration Date"),
    "block_id": ("Block ID",), "block_type": ("Block Type",), "block_description": ("Block Description",),
    "block_status": ("Block Status",),
    "identifier_type": ("Identifier Type", "Kennungstyp", "Type d'identifiant", "Tipo de identificador"),
    "identifier_value": ("Identifier Value",),
    "note": ("Note", "User Note", "Note Text"), "note_type": ("Note Type", "User Note Type"),
    "data_date": ("Data Updated As Of", "Data Available As Of"),
}
# What we call it; every other name is said as it is written, with blanks.
SAID = {"primary_id": "primary ID", "user_group": "user group (code)", "group_name": "user group (description)",
        "other_roles": "has a role other than Patron", "fine_id": "fine ID", "original": "original amount",
        "transaction": "transaction amount", "remaining": "remaining amount", "transaction_id": "transaction ID",
        "loan_id": "loan ID", "request_id": "request ID", "keep_reason": "reason to keep", "block_id": "block ID",
        "role_expiry": "expiry date of the role", "note": "note of the user", "data_date": "day of the data"}
# Headings that a role has, too; in a file of roles they say nothing of the user.
ROLES_TOO = ("Expiry Date", "Expiration Date", "Ablaufdatum", "Date d'expiration", "Fecha de caducidad",
             "Data de expiração", "Status", "Statut")
ACTIVE = {"active": "ACTIVE", "inactive": "INACTIVE", "aktiv": "ACTIVE", "inaktiv": "INACTIVE", "actif": "ACTIVE",
          "inactif": "INACTIVE", "activo": "ACTIVE", "inactivo": "INACTIVE", "attivo": "ACTIVE",
          "inattivo": "INACTIVE", "actief": "ACTIVE", "inactief": "INACTIVE", "ativo": "ACTIVE", "inativo": "INACTIVE"}
WORDS = {
    "record_type": {"public": "PUBLIC", "staff": "STAFF", "contact": "CONTACT", "öffentlich": "PUBLIC",
                    "mitarbeiter": "STAFF", "kontakt": "CONTACT", "professionnel": "STAFF", "personnel": "STAFF",
                    "público": "PUBLIC", "personal": "STAFF", "contacto": "CONTACT", "pubblico": "PUBLIC",
                    "contatto": "CONTACT", "contato": "CONTACT"},
    "account_type": {"external": "EXTERNAL", "internal": "INTERNAL", "intextauth": "INTEXTAUTH",
                     "internal with external authentication": "INTEXTAUTH", "extern": "EXTERNAL",
                     "intern": "INTERNAL", "intern mit externer authentifizierung": "INTEXTAUTH",
                     "externe": "EXTERNAL", "interne": "INTERNAL",
                     "interne avec authentification externe": "INTEXTAUTH", "externo": "EXTERNAL",
                     "interno": "INTERNAL", "interno con autenticación externa": "INTEXTAUTH", "esterno": "EXTERNAL",
                     "interno con autenticazione esterna": "INTEXTAUTH"},
    "status": ACTIVE | {"deleted": "DELETED", "gelöscht": "DELETED", "supprimé": "DELETED", "borrado": "DELETED",
                        "eliminado": "DELETED", "eliminato": "DELETED", "verwijderd": "DELETED",
                        "excluído": "DELETED"},
    "other_roles": {"yes": True, "no": False, "y": True, "n": False, "true": True, "false": False, "ja": True,
                    "nein": False, "oui": True, "non": False, "sí": True, "sì": True, "nee": False, "sim": True,
                    "não": False},
    # Complete is returned, inactive is deleted: a loan of any other word is open (Loan Details of the Ex Libris help).
    "loan_status": {"active": "ACTIVE", "complete": "COMPLETE", "inactive": "INACTIVE"},
    "fine_status": {"active": "ACTIVE", "closed": "CLOSED", "in dispute": "INDISPUTE", "indispute": "INDISPUTE"},
    "role_status": ACTIVE, "block_status": ACTIVE,
}


def folded(text):
    """Returns a text as texts are compared: NFKC, without case, invisible letters, doubled blanks, : or * at its end.

    An underscore is a blank, so that expiration_date is Expiration Date.
    """
    seen = "".join(" " if letter.isspace() or letter == "_" else letter
                   for letter in unicodedata.normalize("NFKC", text)
                   if letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf"))
    return " ".join(seen.casefold().replace("\u2019", "'").rstrip(" :*").split())


SPELLED = {folded(spelling): name for name, spellings in HEADINGS.items() for spelling in spellings}
USERS_OWN = {"user_group", "group_name", "record_type", "account_type", "status", "expiry_date", "purge_date",
             "first_name", "last_name", "full_name", "campus", "other_roles"}
# Tables of Analytics that describe the user; Loaned By and Returned By describe who served the user.
PERSONS = {"user details", "users", "user", "borrower details", "borrower"}
ROLES = {"role", "roles"}
FORMULA = re.compile(r'(?:"[^"]+" ?\. ?)?"([^"]+)" ?\. ?"([^"]+)"')
BARE_FORMULA = re.compile(r"([^\W\d]+(?: [^\W\d]+)*)\.([^\W\d]+(?: [^\W\d]+)*)")


def plain(heading):
    """Returns a heading as headings are compared: see `folded`; the formula of a bare column gives the column's name.

    "User Details"."Expiry Date" is expiry date; "Role"."Expiry Date" is role expiry date. The facts of other people
    ("Loaned By"."Primary Identifier") and formulas that compute (CASE WHEN ...) stay themselves: unknown.
    """
    text = folded(heading)
    quoted = FORMULA.fullmatch(text)
    found = quoted or BARE_FORMULA.fullmatch(text)
    table, column = (part.strip() for part in found.groups()) if found else ("", text)
    if table in ROLES:
        return column if column.startswith("role ") else f"role {column}"
    others = SPELLED.get(column, "primary_id") in USERS_OWN | {"primary_id"} or not quoted
    return text if table not in PERSONS and others else column
