"""Looking at what is deployed: is it there, is it as the project says, may it work. Nothing is changed here."""
