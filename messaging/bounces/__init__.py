"""Why mail was not delivered: replies of servers, bounce mail, complaints, and what follows for the address."""
