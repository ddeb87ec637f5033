"""How the product is started on one machine: embedded servers, the process table and the supervisor."""
