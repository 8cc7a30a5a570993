DROP TABLE bells;
