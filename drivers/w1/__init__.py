"""DS18B20 thermometers on the kernel's 1-Wire bus."""
