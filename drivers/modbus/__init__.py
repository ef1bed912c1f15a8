"""One strict Modbus master: PDU, RTU and TCP lines, one owner task per bus, device profiles as data."""
