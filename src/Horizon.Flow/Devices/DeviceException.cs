namespace Horizon.Flow.Devices;

/// <summary>A call to the device failed. The message names the call, the driver's error and what to do.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>Creates the error.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with what caused it.</summary>
    public DeviceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an empty error.</summary>
    public DeviceException()
    {
    }
}
